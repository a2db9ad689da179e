#pragma once

#include <memory>
#include <string>

#include "auspex/base/result.h"
#include "auspex/storage/object_store.h"

namespace auspex::storage {

// Objects as files in a folder, a file each, the name its path. A Put writes a temporary file in
// `<folder>/~tmp`, where no object's name can be, and renames it; file and folders are synced. What
// a crash left there is deleted by the next Open. Several processes may use one folder.
struct FilesystemStore {
  // Makes the folder if there is none. Errors: kInvalidArgument (a file is in its place),
  // kPermissionDenied, kUnavailable.
  static Result<std::unique_ptr<ObjectStore>> Open(const std::string& folder);
};

}  // namespace auspex::storage
