#include "tests/storage/support.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

namespace auspex::storage::testing {
namespace {

namespace fs = std::filesystem;

int CollectText(void* out, int columns, char** values, char** /*names*/) {
  auto& text = *static_cast<std::string*>(out);
  if (columns > 0 && values[0] != nullptr && text.empty()) text = values[0];
  return 0;
}

}  // namespace

TempFolder::TempFolder() {
  std::string name = (fs::temp_directory_path() / "auspex-storage-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TempFolder::Path(std::string_view name) const { return (path_ / name).string(); }

Status MemoryStore::CheckUp(std::string_view name) const {
  if (broken_) return Fail(ErrorCode::kUnavailable, "told to fail for '{}'", name);
  return {};
}

Status MemoryStore::Put(std::string_view name, std::string_view bytes) {
  AUSPEX_TRY(CheckObjectName(name));
  const std::lock_guard lock(mutex_);
  AUSPEX_TRY(CheckUp(name));
  objects_.insert_or_assign(std::string(name), std::string(bytes));
  return {};
}

Result<std::string> MemoryStore::Get(std::string_view name) {
  AUSPEX_TRY(CheckObjectName(name));
  const std::lock_guard lock(mutex_);
  AUSPEX_TRY(CheckUp(name));
  const auto found = objects_.find(name);
  if (found == objects_.end()) return Fail(ErrorCode::kNotFound, "there is no object '{}'", name);
  return found->second;
}

Result<std::vector<std::string>> MemoryStore::List(std::string_view prefix) {
  const std::lock_guard lock(mutex_);
  AUSPEX_TRY(CheckUp(prefix));
  std::vector<std::string> names;
  for (const auto& [name, bytes] : objects_) {
    if (name.starts_with(prefix)) names.push_back(name);
  }
  return names;
}

Status MemoryStore::Delete(std::string_view name) {
  AUSPEX_TRY(CheckObjectName(name));
  const std::lock_guard lock(mutex_);
  AUSPEX_TRY(CheckUp(name));
  if (!pinned_.empty() && name.starts_with(pinned_))
    return Fail(ErrorCode::kPermissionDenied, "'{}' may not be deleted", name);
  const auto found = objects_.find(name);
  if (found != objects_.end()) objects_.erase(found);
  return {};
}

void MemoryStore::Pin(std::string prefix) {
  const std::lock_guard lock(mutex_);
  pinned_ = std::move(prefix);
}

void MemoryStore::Break(bool broken) {
  const std::lock_guard lock(mutex_);
  broken_ = broken;
}

WallTime At(std::int64_t second) { return FromMicros((1'767'225'600 + second) * 1'000'000); }

NewEntry MakeEntry(std::string deployment, std::string kind, std::string body,
                   std::int64_t second) {
  return {At(second), std::move(deployment), std::move(kind), std::move(body)};
}

DeploymentRow MakeDeployment(std::string id, std::int64_t started) {
  DeploymentRow row;
  row.id = std::move(id);
  row.service = "checkout";
  row.started_at = At(started);
  row.body = R"({"state":"running"})";
  return row;
}

DeploymentRow MakeEnded(std::string id, std::int64_t started, std::int64_t ended) {
  DeploymentRow row = MakeDeployment(std::move(id), started);
  row.ended = true;
  row.ended_at = At(ended);
  row.body = R"({"state":"ended"})";
  return row;
}

Batch MakeTicks(const std::string& deployment, int count) {
  Batch batch;
  for (int i = 0; i < count; ++i) {
    // The spaces, the escape and the letter beyond ASCII must come back as they are.
    batch.entries.push_back(MakeEntry(
        deployment, "tick", fmt::format("{{ \"t_s\" : {}, \"note\":\"a\\\"b é\\n\"}}", i), i));
  }
  batch.entries.push_back(MakeEntry(deployment, "order", R"({"weight":0.05})", count));
  return batch;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.flush()) << path;
}

void Overwrite(const std::string& path, std::int64_t offset, std::string_view bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(offset);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.flush()) << path;
}

std::string AskSql(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  std::string text;
  const bool opened = sqlite3_open(path.c_str(), &database) == SQLITE_OK;
  sqlite3_busy_timeout(database, 10'000);
  const bool done =
      opened && sqlite3_exec(database, sql.c_str(), CollectText, &text, nullptr) == SQLITE_OK;
  EXPECT_TRUE(done) << sql << ": " << sqlite3_errmsg(database);
  sqlite3_close(database);
  return text;
}

void RunSql(const std::string& path, const std::string& sql) {
  static_cast<void>(AskSql(path, sql));
}

WriteLock::WriteLock(const std::string& path) {
  const bool locked =
      sqlite3_open(path.c_str(), &connection_) == SQLITE_OK &&
      sqlite3_exec(connection_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK;
  EXPECT_TRUE(locked) << sqlite3_errmsg(connection_);
}

WriteLock::~WriteLock() { sqlite3_close(connection_); }

int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

int InUnprivilegedChild(const std::function<int()>& body) {
  constexpr uid_t kNobody = 65534;
  constexpr int kCouldNotDropRights = 120;
  return InChild([&] {
    if (geteuid() == 0 && setuid(kNobody) != 0) return kCouldNotDropRights;
    return body();
  });
}

int OnSmallDisk(const std::string& path, int kilobytes, const std::function<int()>& body) {
  fs::create_directories(path);
  return InChild([&] {
    const uid_t user = geteuid();
    // An ordinary user may mount in a user namespace of its own, where the kernel allows those.
    const int spaces = user == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;
    if (unshare(spaces) != 0) return kNoMount;
    if (user != 0) WriteFile("/proc/self/uid_map", fmt::format("0 {} 1", user));
    const std::string size = fmt::format("size={}k", kilobytes);
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("tmpfs", path.c_str(), "tmpfs", 0, size.c_str()) != 0) {
      return kNoMount;
    }
    return body();
  });
}

bool MakeReadOnly(const std::string& path) {
  return mount("tmpfs", path.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0;
}

bool FillDisk(const std::string& path) {
  const std::string block(4096, 'x');
  std::ofstream file(path + "/ballast", std::ios::binary);
  while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
  }
  return fs::space(path).available == 0;
}

bool FreeDisk(const std::string& path) { return fs::remove(path + "/ballast"); }

}  // namespace auspex::storage::testing
