#include "auspex/cli/mine.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/change/change_table.h"
#include "auspex/change/git/fold_log.h"
#include "auspex/change/git/history_cache.h"
#include "auspex/change/git/repository.h"
#include "auspex/cli/copy_meter.h"
#include "auspex/cli/exit_code.h"

namespace auspex::cli {
namespace {

using change::git::Repository;

struct MineOptions {
  std::string repository;
  std::string since;
  std::string out = "-";
  bool content = false;
  bool json = false;
};

// Where the rows go: standard output, or a file that is there only once it is whole.
class RowFile {
 public:
  static Result<RowFile> Open(const std::string& path) {
    RowFile file(path);
    if (path == "-") {
      file.stream_ = stdout;
      return file;
    }
    struct stat there {};
    if (stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
      file.temporary_ = path;  // /dev/null, a pipe: written as it is
    } else {
      file.temporary_ = path + ".part";
    }
    file.stream_ = std::fopen(file.temporary_.c_str(), "we");
    if (file.stream_ == nullptr)
      return Fail(ErrorCode::kPermissionDenied, "cannot write {}: {}", file.temporary_,
                  std::system_category().message(errno));
    return file;
  }
  RowFile(RowFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::move(other.temporary_)),
        stream_(std::exchange(other.stream_, nullptr)) {}
  RowFile& operator=(RowFile&&) = delete;
  RowFile(const RowFile&) = delete;
  RowFile& operator=(const RowFile&) = delete;
  ~RowFile() {
    if (stream_ == nullptr || stream_ == stdout) return;
    std::fclose(stream_);
    if (temporary_ != path_) unlink(temporary_.c_str());
  }

  Status Write(const std::string& row) {
    if (std::fwrite(row.data(), 1, row.size(), stream_) == row.size()) return {};
    return Refused();
  }
  Status Finish() {
    if (std::fflush(stream_) != 0) return Refused();
    if (stream_ == stdout) return {};
    std::FILE* const stream = std::exchange(stream_, nullptr);
    if (std::fclose(stream) != 0) return Refused();
    if (temporary_ != path_ && std::rename(temporary_.c_str(), path_.c_str()) != 0)
      return Refused();
    return {};
  }

 private:
  explicit RowFile(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] Failure Refused() const {
    return Fail(ErrorCode::kPermissionDenied, "cannot write {}: {}",
                path_ == "-" ? "standard output" : path_, std::system_category().message(errno));
  }
  std::string path_;
  std::string temporary_;
  std::FILE* stream_ = nullptr;
};

void Warn(const Repository& repository) {
  if (repository.facts().shallow)
    fmt::print(stderr,
               "auspex mine: {} is a shallow clone: what happened before its depth counts as never "
               "having happened; `git fetch --unshallow` completes it\n",
               repository.path());
  if (repository.facts().partial)
    fmt::print(stderr,
               "auspex mine: {} is a partial clone: contents that it lacks are not fetched\n",
               repository.path());
}

struct Mined {
  std::int64_t commits = 0;
  std::int64_t rows = 0;
  std::int64_t too_large = 0;  // contents that were passed over
};

Result<std::optional<std::int64_t>> SinceOf(const MineOptions& options) {
  if (options.since.empty()) return std::optional<std::int64_t>();
  const auto since = ParseTime(options.since);
  if (!since.ok()) return Within("--since", since.error());
  return std::optional(MicrosSinceEpoch(*since) / 1'000'000);
}

// Where the fold stops on its way, to be kept: `auspex risk` looks at a change from its base.
std::vector<change::CommitId> StopsOf(const Repository& repository, const change::CommitId& tip) {
  std::vector<change::CommitId> stops;
  const auto range = repository.ResolveRange("");
  if (range.ok() && range->base) stops.push_back(*range->base);
  stops.push_back(tip);
  return stops;
}

void Keep(const Repository& repository, const change::CommitId& stop,
          const change::History& history) {
  const change::git::HistoryCache cache(change::git::HistoryCache::DefaultFolder());
  const Status kept = cache.Keep(repository, stop, history);
  if (!kept.ok())
    fmt::print(stderr, "auspex mine: {}; the next command reads all of the history again\n",
               kept.error().message);
}

Result<Mined> WriteRows(const Repository& repository, const MineOptions& options,
                        const change::Labels& labels) {
  AUSPEX_TRY(const auto since_s, SinceOf(options));
  AUSPEX_TRY(const change::CommitId tip, repository.Resolve("HEAD"));
  AUSPEX_TRY(const std::int64_t all, repository.CountCommits({.tip = tip}));
  AUSPEX_TRY(RowFile out, RowFile::Open(options.out));
  const RealClock clock;
  CopyMeter meter(clock);
  Mined mined;
  if (!options.json) {
    AUSPEX_TRY(out.Write(change::CsvHeader()));
  }
  const auto write = [&](const change::Commit& commit, const change::FeatureRow& row) -> Status {
    meter.Show({.doing = "mine", .unit = "commits", .done = ++mined.commits, .all = all});
    if (since_s && commit.commit_time_s < *since_s) return {};
    ++mined.rows;
    const auto found = labels.find(commit.id);
    const change::Label* const label = found == labels.end() ? nullptr : &found->second;
    return out.Write(options.json ? change::JsonRow(commit, row, label)
                                  : change::CsvRow(commit, row, label));
  };
  change::History history;
  std::vector<change::CommitId> known;
  for (const change::CommitId& stop : StopsOf(repository, tip)) {
    AUSPEX_TRY(const change::git::FoldCount count,
               FoldLog(repository, {{stop, known}, options.content}, history, write));
    mined.too_large += count.contents_too_large;
    known = {stop};
    Keep(repository, stop, history);
  }
  AUSPEX_TRY(out.Finish());
  return mined;
}

int Mine(const MineOptions& options) {
  const auto repository = Repository::Open(options.repository);
  if (!repository.ok()) return Complain("mine", repository.error());
  Warn(*repository);
  const RealClock clock;
  const MonotonicTime start = clock.Now();
  const auto mined = WriteRows(*repository, options, {});
  if (!mined.ok()) return Complain("mine", mined.error());
  const double seconds = Seconds(clock.Now() - start);
  const auto s = [](std::int64_t count) { return count == 1 ? "" : "s"; };
  fmt::print(stderr, "auspex mine: {} commit{} in {:.1f} s ({:.0f} a second), {} row{}{}\n",
             mined->commits, s(mined->commits), seconds,
             static_cast<double>(mined->commits) / seconds, mined->rows, s(mined->rows),
             mined->too_large == 0
                 ? ""
                 : fmt::format("; {} contents of more than {} MiB were passed over",
                               mined->too_large, change::git::BlobReader::kBytesMost >> 20U));
  return kGood;
}

}  // namespace

void AddMine(CLI::App* app, int* exit) {
  const auto o = std::make_shared<MineOptions>();
  CLI::App* mine = app->add_subcommand(
      "mine", "Commits of a git repository, each with what tells how risky it is (docs/mine.md)");
  mine->footer(
      "  auspex mine . --out commits.csv\n  auspex mine ../shop --since 2025-01-01T00:00:00Z "
      "--json");
  mine->add_option("repository", o->repository, "the folder of a clone, or of a bare repository")
      ->required();
  mine->add_option("--since", o->since,
                   "only rows of commits made then or later (their features know all of the "
                   "history): RFC 3339, or seconds since 1970");
  mine->add_option("--out", o->out, "the file to write; - is standard output (default)");
  mine->add_flag("--content", o->content,
                 "also what only the contents of files tell (complexity, public declarations): "
                 "several times as long");
  mine->add_flag("--json", o->json, "a JSON object a line instead of CSV");
  mine->callback([o, exit] { *exit = Mine(*o); });
}

}  // namespace auspex::cli
