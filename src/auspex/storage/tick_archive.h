#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"
#include "auspex/base/sha256.h"
#include "auspex/storage/object_store.h"

namespace auspex::storage {

struct ArchivedBody {
  std::int64_t seq = 0;
  std::string body;
};

// The most that Pack puts into one object, so that reading one back has a bound too.
inline constexpr std::size_t kMaxArchiveBodyBytes =
    32 * 1024 * 1024;  // its last body may pass this
inline constexpr std::size_t kMaxArchiveBodies = 65'536;

// The bodies as lines `{"seq":7,"body":"…"}`, the body's exact text as a JSON string, in one zstd
// frame with a checksum. Equal bodies give equal bytes. Error: kDataLoss for a body that is not
// UTF-8.
Result<std::string> WriteTickArchive(const std::vector<ArchivedBody>& bodies);

// By seq. Error: kDataLoss for anything that WriteTickArchive does not write.
using ArchivedBodies = std::map<std::int64_t, std::string>;
Result<ArchivedBodies> ReadTickArchive(std::string_view bytes);

// The archive kept as object `name`. Errors: kDataLoss naming the object if its bytes do not have
// this SHA-256; the store's own.
Result<ArchivedBodies> LoadTickArchive(ObjectStore& objects, const std::string& name,
                                       const Sha256& sha256);

}  // namespace auspex::storage
