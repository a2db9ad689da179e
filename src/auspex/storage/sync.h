#pragma once

#include <string>

#include "auspex/base/result.h"

namespace auspex::storage {

// Puts a folder's names on disk: what was made or renamed in it survives a power cut. Errors:
// kPermissionDenied, kUnavailable.
Status SyncFolder(const std::string& folder);
// The same for a file's bytes.
Status SyncFile(const std::string& path);

}  // namespace auspex::storage
