#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "auspex/api/tls.h"

namespace auspex::api {

// A folder of its own, deleted with what is in it.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string Path(const std::string& name) const { return (path_ / name).string(); }
  // The path.
  std::string Write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

// A fresh P-256 key and a certificate for 127.0.0.1 that it signs itself, as `<name>.pem` and
// `<name>.key`; its authority is itself. `ends`: from now.
TlsFiles MakeCertificate(const Folder& folder, const std::string& name,
                         std::chrono::seconds ends = std::chrono::hours(1));

}  // namespace auspex::api
