#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/storage/ledger.h"
#include "auspex/storage/object_store.h"

struct sqlite3;

// What the tests of storage share.
namespace auspex::storage::testing {

// A folder of its own, deleted with what is in it.
class TempFolder {
 public:
  TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();
  [[nodiscard]] std::string Path(std::string_view name) const;

 private:
  std::filesystem::path path_;
};

// An ObjectStore in memory that can be told to fail.
class MemoryStore final : public ObjectStore {
 public:
  Status Put(std::string_view name, std::string_view bytes) override;
  Result<std::string> Get(std::string_view name) override;
  Result<std::vector<std::string>> List(std::string_view prefix) override;
  Status Delete(std::string_view name) override;

  // Every call from now on: kUnavailable.
  void Break(bool broken);
  // Deleting what begins so, from now on: kPermissionDenied. Empty: nothing.
  void Pin(std::string prefix);

 private:
  Status CheckUp(std::string_view name) const;
  mutable std::mutex mutex_;
  bool broken_ = false;
  std::string pinned_;
  std::map<std::string, std::string, std::less<>> objects_;
};

// 2026-01-01T00:00:00Z and so many seconds.
WallTime At(std::int64_t second);

NewEntry MakeEntry(std::string deployment, std::string kind, std::string body, std::int64_t second);
DeploymentRow MakeDeployment(std::string id, std::int64_t started);
DeploymentRow MakeEnded(std::string id, std::int64_t started, std::int64_t ended);
// One batch with `count` ticks of a deployment, and one order after them.
Batch MakeTicks(const std::string& deployment, int count);

std::string ReadFile(const std::string& path);
void WriteFile(const std::string& path, std::string_view bytes);
// `bytes` over what stands at `offset`.
void Overwrite(const std::string& path, std::int64_t offset, std::string_view bytes);

// Runs statements on a database file behind the ledger's back.
void RunSql(const std::string& path, const std::string& sql);
// The first column of the first row, as text.
std::string AskSql(const std::string& path, const std::string& sql);

// Another connection that holds the write lock of a database file.
class WriteLock {
 public:
  explicit WriteLock(const std::string& path);
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;
  ~WriteLock();

 private:
  sqlite3* connection_ = nullptr;
};

// The exit status of a child process that runs `body`. An unprivileged one if this is root, whom no
// permission stops.
int InUnprivilegedChild(const std::function<int()>& body);
// As above, with this process's rights.
int InChild(const std::function<int()>& body);

// In a child's body: ends it with `step` unless `condition` holds.
#define AUSPEX_MUST(step, condition) \
  if (!(condition)) return step

inline constexpr int kNoMount = 121;
// As above, with a file system of `kilobytes` (tmpfs) on the folder `path`, which is made. Nobody
// else sees it, and it goes with the child. kNoMount where the machine does not let us.
int OnSmallDisk(const std::string& path, int kilobytes, const std::function<int()>& body);
// For the child: from now on the disk on `path` is read-only, though root asks.
bool MakeReadOnly(const std::string& path);
// For the child: fills the disk on `path` with one file, and gives its space back.
bool FillDisk(const std::string& path);
bool FreeDisk(const std::string& path);

}  // namespace auspex::storage::testing
