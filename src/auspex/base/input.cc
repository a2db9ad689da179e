#include "auspex/base/input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace auspex {
namespace {

std::string SystemMessage(int error) { return std::generic_category().message(error); }

// zlib reads what is not gzip as it is.
class ZlibInput final : public Input {
 public:
  ZlibInput(gzFile file, std::string name) : file_(file), name_(std::move(name)) {}
  ~ZlibInput() override { gzclose_r(file_); }
  ZlibInput(const ZlibInput&) = delete;
  ZlibInput& operator=(const ZlibInput&) = delete;

  Result<std::size_t> Read(char* to, std::size_t most) override {
    constexpr std::size_t kOneCall = 1 << 20;  // gzread counts in int
    const int got = gzread(file_, to, static_cast<unsigned>(std::min(most, kOneCall)));
    int code = Z_OK;
    const char* message = gzerror(file_, &code);
    // A file that ends inside a block gives its last bytes first, then Z_BUF_ERROR.
    if (got > 0) return static_cast<std::size_t>(got);
    if (code == Z_OK || code == Z_STREAM_END) return std::size_t{0};
    if (code == Z_ERRNO)
      return Fail(ErrorCode::kUnavailable, "{}: cannot be read: {}", name_, SystemMessage(errno));
    if (code == Z_BUF_ERROR)
      return Fail(ErrorCode::kInvalidArgument,
                  "{}: the gzip data end too early: the file is cut short; copy it again", name_);
    return Fail(ErrorCode::kInvalidArgument,
                "{}: the gzip data are damaged ({}); copy or pack the file again", name_, message);
  }

 private:
  gzFile file_;
  std::string name_;
};

class ViewInput final : public Input {
 public:
  explicit ViewInput(std::string_view text) : rest_(text) {}
  Result<std::size_t> Read(char* to, std::size_t most) override {
    const std::size_t size = std::min(most, rest_.size());
    std::copy_n(rest_.data(), size, to);  // memcpy may not be given an empty view
    rest_.remove_prefix(size);
    return size;
  }

 private:
  std::string_view rest_;
};

}  // namespace

Result<std::unique_ptr<Input>> OpenInput(const std::string& path) {
  const bool standard = path == "-";
  const std::string name = standard ? "<stdin>" : path;
  const int fd = standard ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    const ErrorCode code =
        errno == ENOENT || errno == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kPermissionDenied;
    return Fail(code, "{}: cannot be opened: {}", name, SystemMessage(errno));
  }
  struct stat seen {};
  if (::fstat(fd, &seen) == 0 && S_ISDIR(seen.st_mode)) {
    ::close(fd);
    return Fail(ErrorCode::kInvalidArgument, "{}: a folder; name a file in it", name);
  }
  gzFile file = gzdopen(fd, "rb");
  if (file == nullptr) {
    ::close(fd);
    return Fail(ErrorCode::kUnavailable, "{}: no memory to read it", name);
  }
  gzbuffer(file, 128 << 10);
  return std::unique_ptr<Input>(std::make_unique<ZlibInput>(file, name));
}

std::unique_ptr<Input> TextInput(std::string_view text) {
  return std::make_unique<ViewInput>(text);
}

}  // namespace auspex
