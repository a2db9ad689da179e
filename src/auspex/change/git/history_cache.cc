#include "auspex/change/git/history_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include "auspex/base/fd.h"
#include "auspex/base/input.h"
#include "auspex/base/sha256.h"
#include "auspex/change/git/fold_log.h"

namespace auspex::change::git {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeptMost = 4;
constexpr std::uintmax_t kBytesMost = std::uintmax_t{1}
                                      << 30U;  // four times a million commits' state

std::string Extension() { return fmt::format(".v{}", History::kVersion); }

struct Entry {
  fs::path path;
  CommitId commit;
  fs::file_time_type used;
};

// Of this version only.
std::vector<Entry> EntriesIn(const fs::path& folder) {
  std::vector<Entry> entries;
  std::error_code failed;
  for (fs::directory_iterator file(folder, failed), end; !failed && file != end;
       file.increment(failed)) {
    const fs::path& path = file->path();
    const auto commit = CommitId::FromHex(path.stem().string());
    if (path.extension() != Extension() || !commit.ok()) continue;
    std::error_code ignored;
    entries.push_back({path, *commit, fs::last_write_time(path, ignored)});
  }
  return entries;
}

std::optional<std::string> ReadAll(const fs::path& path) {
  std::error_code failed;
  const std::uintmax_t size = fs::file_size(path, failed);
  if (failed || size > kBytesMost) return std::nullopt;
  auto input = OpenInput(path.string());
  if (!input.ok()) return std::nullopt;
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::size_t got = 0;
  while (got < bytes.size()) {
    const auto more = (*input)->Read(bytes.data() + got, bytes.size() - got);
    if (!more.ok() || *more == 0) return std::nullopt;
    got += *more;
  }
  return bytes;
}

// Whole or not at all: another process may read it at any time.
Status WriteWhole(const fs::path& path, std::string_view bytes) {
  std::string temporary = path.string() + ".XXXXXX";
  const Fd file(mkostemp(temporary.data(), O_CLOEXEC));
  const auto refuse = [&] {
    Failure failure = Fail(ErrorCode::kPermissionDenied, "cannot write {}: {}", path.string(),
                           std::system_category().message(errno));
    unlink(temporary.c_str());
    return failure;
  };
  if (!file.valid()) return refuse();
  while (!bytes.empty()) {
    const ssize_t written = write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return refuse();
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  if (rename(temporary.c_str(), path.c_str()) != 0) return refuse();
  return {};
}

}  // namespace

std::string HistoryCache::DefaultFolder() {
  // NOLINTBEGIN(concurrency-mt-unsafe): no thread of ours changes the environment
  const char* const cache = std::getenv("XDG_CACHE_HOME");
  // The specification passes over paths that are not absolute.
  if (cache != nullptr && cache[0] == '/') return std::string(cache) + "/auspex";
  const char* const home = std::getenv("HOME");
  // NOLINTEND(concurrency-mt-unsafe)
  return home != nullptr && home[0] == '/' ? std::string(home) + "/.cache/auspex" : std::string();
}

std::string HistoryCache::FolderOf(const Repository& repository) const {
  const std::string key = ToHex(HashSha256(repository.facts().git_dir));
  return fmt::format("{}/history/{}", folder_, key.substr(0, 32));
}

std::optional<HistoryCache::Kept> HistoryCache::Find(
    const Repository& repository, const CommitId& tip,
    const std::vector<ServicePath>& services) const {
  if (folder_.empty() || repository.facts().shallow) return std::nullopt;
  std::vector<std::pair<std::int64_t, Entry>> usable;
  for (const Entry& entry : EntriesIn(FolderOf(repository))) {
    std::int64_t distance = 0;
    if (entry.commit != tip) {
      const auto older = repository.IsAncestor(entry.commit, tip);
      if (!older.ok() || !*older) continue;
      const auto count = repository.CountCommits({.tip = tip, .known = {entry.commit}});
      distance = count.ok() ? *count + 1 : std::numeric_limits<std::int64_t>::max();
    }
    usable.emplace_back(distance, entry);
  }
  std::sort(usable.begin(), usable.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [distance, entry] : usable) {
    const auto bytes = ReadAll(entry.path);
    if (!bytes) continue;
    auto history = History::Restore(*bytes, services);
    if (!history.ok()) continue;
    std::error_code ignored;
    fs::last_write_time(entry.path, fs::file_time_type::clock::now(), ignored);
    return Kept{*std::move(history), entry.commit};
  }
  return std::nullopt;
}

Status HistoryCache::Keep(const Repository& repository, const CommitId& tip,
                          const History& history) const {
  if (folder_.empty() || repository.facts().shallow) return {};
  const fs::path folder = FolderOf(repository);
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    return Fail(ErrorCode::kPermissionDenied, "cannot make {}: {}", folder.string(),
                failed.message());
  // Paths and people of a repository that others may not read.
  fs::permissions(folder, fs::perms::owner_all, failed);
  AUSPEX_TRY(WriteWhole(folder / (tip.text() + Extension()), history.Snapshot()));
  std::vector<Entry> entries = EntriesIn(folder);
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.used > b.used; });
  for (std::size_t i = kKeptMost; i < entries.size(); ++i) fs::remove(entries[i].path, failed);
  return {};
}

Result<History> HistoryAt(const Repository& repository, const CommitId& tip,
                          const HistoryCache& cache, const OnFold& on_fold,
                          const std::vector<ServicePath>& services) {
  auto kept = cache.Find(repository, tip, services);
  if (kept && kept->commit == tip) return std::move(kept->history);
  History history = kept ? std::move(kept->history) : History(services);
  LogQuery query{.tip = tip};
  if (kept) query.known.push_back(kept->commit);
  AUSPEX_TRY(const std::int64_t all, repository.CountCommits(query));
  std::int64_t done = 0;
  AUSPEX_TRY(FoldLog(repository, {.query = query}, history,
                     [&](const Commit&, const FeatureRow&) -> Status {
                       on_fold(++done, all);
                       return {};
                     }));
  // A cache that cannot be written costs time the next time, and nothing else.
  const Status ignored = cache.Keep(repository, tip, history);
  static_cast<void>(ignored);
  return history;
}

}  // namespace auspex::change::git
