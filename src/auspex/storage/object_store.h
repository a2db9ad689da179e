#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/result.h"

namespace auspex::storage {

// Immutable named bytes. Names are like `ticks/d1.zst`: at most 512 bytes, segments of 1 to 200 of
// [A-Za-z0-9._-] joined by '/', none "." or "..". No name may be the folder of another ("a",
// "a/b"). Thread-safe. Errors: kInvalidArgument (name), kUnavailable (retry), kPermissionDenied.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  // Durable when it returns; the same name again replaces the object as a whole, never in part.
  virtual Status Put(std::string_view name, std::string_view bytes) = 0;
  // Error: kNotFound.
  virtual Result<std::string> Get(std::string_view name) = 0;
  // Names that begin with `prefix`, which need not end at a '/'; sorted by bytes.
  virtual Result<std::vector<std::string>> List(std::string_view prefix) = 0;
  // Succeeds if there is no such object.
  virtual Status Delete(std::string_view name) = 0;
};

// The rule for names above. Error: kInvalidArgument.
Status CheckObjectName(std::string_view name);

}  // namespace auspex::storage
