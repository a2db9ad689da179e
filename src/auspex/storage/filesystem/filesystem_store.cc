#include "auspex/storage/filesystem/filesystem_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <utility>

#include "auspex/base/fd.h"
#include "auspex/storage/posix_error.h"
#include "auspex/storage/sync.h"

namespace auspex::storage {
namespace {

namespace fs = std::filesystem;

// '~' is outside the alphabet of names.
constexpr std::string_view kTemporaryFolder = "~tmp";

Fd OpenFile(const fs::path& path, int flags) {
  return Fd(::open(path.c_str(), flags | O_CLOEXEC, 0644));
}

Failure Failed(std::string_view doing, const fs::path& path, int error) {
  return PosixFailure(error, fmt::format("{} '{}'", doing, path.string()));
}

// The folder and those above it as far as `root`, each on disk in the one above.
Status MakeFolders(const fs::path& root, const fs::path& folder) {
  struct stat found {};
  if (folder == root || stat(folder.c_str(), &found) == 0) return {};
  AUSPEX_TRY(MakeFolders(root, folder.parent_path()));
  if (mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return Failed("making folder", folder, errno);
  }
  return SyncFolder(folder.parent_path().string());
}

Status WriteAll(int fd, const fs::path& path, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("writing", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (fsync(fd) != 0) return Failed("syncing", path, errno);
  return {};
}

Result<std::string> ReadAll(int fd, const fs::path& path) {
  struct stat found {};
  if (fstat(fd, &found) != 0) return Failed("reading", path, errno);
  std::string bytes(static_cast<std::size_t>(found.st_size), '\0');
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = read(fd, bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("reading", path, errno);
    if (got == 0) break;  // objects are replaced by rename, so only foreign hands shorten one
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

// A temporary file that nobody holds locked belongs to a writer that is gone.
void DeleteLeftovers(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const Fd file = OpenFile(entry.path(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file.valid() && flock(file.get(), LOCK_EX | LOCK_NB) == 0) unlink(entry.path().c_str());
  }
}

bool IsFolder(const fs::path& path) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

bool IsRegular(const fs::path& path) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode);
}

// A new object before it has its name. Locked while it is written, which tells it from a leftover;
// deleted when it goes, unless renamed.
class Temporary {
 public:
  Temporary(fs::path path, Fd file) : path_(std::move(path)), file_(std::move(file)) {}
  Temporary(Temporary&& other) noexcept
      : path_(std::move(other.path_)), file_(std::move(other.file_)) {
    other.path_.clear();
  }
  Temporary& operator=(Temporary&&) = delete;
  ~Temporary() {
    if (!path_.empty()) unlink(path_.c_str());
  }

  Status Write(std::string_view bytes) { return WriteAll(file_.get(), path_, bytes); }

  Status RenameTo(const fs::path& path) {
    if (rename(path_.c_str(), path.c_str()) != 0) return Failed("naming", path, errno);
    path_.clear();
    return {};
  }

 private:
  fs::path path_;
  Fd file_;
};

class Store final : public ObjectStore {
 public:
  explicit Store(fs::path root) : root_(std::move(root)) {}

  Status Put(std::string_view name, std::string_view bytes) override;
  Result<std::string> Get(std::string_view name) override;
  Result<std::vector<std::string>> List(std::string_view prefix) override;
  Status Delete(std::string_view name) override;

 private:
  Status CheckPlace(std::string_view name) const;
  [[nodiscard]] Result<Temporary> MakeTemporary() const;

  const fs::path root_;
};

// A name cannot be a file and a folder at once.
Status Store::CheckPlace(std::string_view name) const {
  const fs::path path = root_ / name;
  if (IsFolder(path)) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is the folder of other objects", name);
  }
  for (fs::path above = path.parent_path(); above != root_; above = above.parent_path()) {
    if (!IsRegular(above)) continue;
    return Fail(ErrorCode::kInvalidArgument,
                "'{}' cannot be stored: '{}' is an object, not a folder", name,
                above.lexically_relative(root_).string());
  }
  return {};
}

Result<Temporary> Store::MakeTemporary() const {
  static std::atomic<std::uint64_t> count{0};
  const fs::path folder = root_ / kTemporaryFolder;
  AUSPEX_TRY(MakeFolders(root_, folder));
  // A process id can come again, in another container even at the same time; and another process
  // may take a new file for a leftover in the moment before it is locked.
  constexpr int kAttempts = 1000;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    fs::path path = folder / fmt::format("{}-{}", getpid(), count.fetch_add(1));
    Fd file = OpenFile(path, O_WRONLY | O_CREAT | O_EXCL);
    if (!file.valid() && errno == EEXIST) continue;
    if (!file.valid()) return Failed("making", path, errno);
    struct stat found {};
    if (flock(file.get(), LOCK_EX) == 0 && fstat(file.get(), &found) == 0 && found.st_nlink > 0) {
      return Temporary(std::move(path), std::move(file));
    }
  }
  return Fail(ErrorCode::kUnavailable, "no temporary file in '{}' after {} attempts",
              folder.string(), kAttempts);
}

Status Store::Put(std::string_view name, std::string_view bytes) {
  AUSPEX_TRY(CheckObjectName(name));
  AUSPEX_TRY(CheckPlace(name));
  const fs::path path = root_ / name;
  AUSPEX_TRY(MakeFolders(root_, path.parent_path()));
  AUSPEX_TRY(Temporary temporary, MakeTemporary());
  AUSPEX_TRY(temporary.Write(bytes));
  AUSPEX_TRY(temporary.RenameTo(path));
  return SyncFolder(path.parent_path().string());
}

Result<std::string> Store::Get(std::string_view name) {
  AUSPEX_TRY(CheckObjectName(name));
  const fs::path path = root_ / name;
  const Fd file = OpenFile(path, O_RDONLY);
  const int error = errno;
  if (!IsRegular(path) && (file.valid() || error == ENOENT || error == ENOTDIR)) {
    return Fail(ErrorCode::kNotFound, "there is no object '{}' in '{}'", name, root_.string());
  }
  if (!file.valid()) return Failed("opening", path, error);
  return ReadAll(file.get(), path);
}

Result<std::vector<std::string>> Store::List(std::string_view prefix) {
  std::vector<std::string> names;
  std::error_code error;
  fs::recursive_directory_iterator entry(root_, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().lexically_relative(root_).string();
    // Whatever else lies in the folder, as "~tmp", is none of ours.
    if (!CheckObjectName(name).ok()) {
      entry.disable_recursion_pending();
    } else if (name.starts_with(prefix) && IsRegular(entry->path())) {
      names.push_back(name);
    }
  }
  if (error) return Failed("listing", root_, error.value());
  std::sort(names.begin(), names.end());
  return names;
}

Status Store::Delete(std::string_view name) {
  AUSPEX_TRY(CheckObjectName(name));
  const fs::path path = root_ / name;
  if (IsFolder(path)) return {};
  if (unlink(path.c_str()) == 0) return SyncFolder(path.parent_path().string());
  if (errno == ENOENT || errno == ENOTDIR) return {};
  return Failed("deleting", path, errno);
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> FilesystemStore::Open(const std::string& folder) {
  if (folder.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "an object store needs a folder");
  }
  std::error_code error;
  fs::path root = fs::absolute(folder, error).lexically_normal();
  if (!root.has_filename()) root = root.parent_path();  // of "objects/"
  if (fs::exists(root) && !IsFolder(root)) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not a folder: give the objects another path",
                root.string());
  }
  if (!error) fs::create_directories(root, error);
  if (error) return Failed("making folder", root, error.value());
  DeleteLeftovers(root / kTemporaryFolder);
  return std::unique_ptr<ObjectStore>(std::make_unique<Store>(std::move(root)));
}

}  // namespace auspex::storage
