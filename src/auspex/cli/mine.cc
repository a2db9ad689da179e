#include "auspex/cli/mine.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "auspex/base/clock.h"
#include "auspex/change/change_table.h"
#include "auspex/change/features.h"
#include "auspex/change/git/fold_log.h"
#include "auspex/change/git/history_cache.h"
#include "auspex/change/git/mine_labels.h"
#include "auspex/change/git/repository.h"
#include "auspex/change/labels.h"
#include "auspex/cli/change_sight.h"
#include "auspex/cli/copy_meter.h"
#include "auspex/cli/exit_code.h"

namespace auspex::cli {
namespace {

using change::git::Repository;

struct MineOptions {
  std::string repository;
  std::string since;
  std::string out = "-";
  std::vector<std::string> paths;
  bool content = false;
  bool no_labels = false;
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

// Rows that wait for their labels, which the last commit may decide: in a file without a name, so
// that a million of them take no memory.
class WaitingRows {
 public:
  WaitingRows() : file_(std::tmpfile(), std::fclose) {}

  Status Add(const change::Commit& commit, const change::FeatureRow& features) {
    const Head head{commit.id, commit.author_time_s};
    if (file_ && features.size() == change::kFeatureCount &&
        std::fwrite(&head, sizeof head, 1, file_.get()) == 1 &&
        std::fwrite(features.data(), sizeof(double), features.size(), file_.get()) ==
            features.size())
      return {};
    return Refused();
  }
  // Each row once, in order, with as much of its commit as a row shows.
  Status ForEach(
      const std::function<Status(const change::Commit&, const change::FeatureRow&)>& visit) {
    if (!file_ || std::fflush(file_.get()) != 0) return Refused();
    std::rewind(file_.get());
    change::Commit commit;
    change::FeatureRow features(change::kFeatureCount);
    for (Head head; std::fread(&head, sizeof head, 1, file_.get()) == 1;) {
      if (std::fread(features.data(), sizeof(double), features.size(), file_.get()) !=
          features.size())
        return Refused();
      commit.id = head.id;
      commit.author_time_s = head.author_time_s;
      AUSPEX_TRY(visit(commit, features));
    }
    if (std::ferror(file_.get()) != 0) return Refused();
    return {};
  }

 private:
  struct Head {
    change::CommitId id;
    std::int64_t author_time_s = 0;
  };
  static_assert(std::is_trivially_copyable_v<Head>);

  [[nodiscard]] static Failure Refused() {
    return Fail(ErrorCode::kPermissionDenied, "cannot use a temporary file (set TMPDIR): {}",
                std::system_category().message(errno));
  }
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
};

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

void WarnOfGaps(const change::git::TraceReport& report) {
  if (!report.cache_failure.empty())
    fmt::print(stderr, "auspex mine: {}; the next run traces all fixes again\n",
               report.cache_failure);
  if (report.files_failed > 0)
    fmt::print(stderr, "auspex mine: {} of {} files of fixes could not be traced: {}\n",
               report.files_failed, report.files, report.first_failure);
}

// What becomes of the commits in `book`, with how far that has come on standard error.
Status Label(const Repository& repository, const change::CommitId& tip, CopyMeter& meter,
             change::LabelBook* book) {
  const std::string folder = change::git::HistoryCache::DefaultFolder();
  change::git::TraceOptions options{.cache_folder = LabelCacheFolder(repository, folder)};
  options.progress = [&meter](std::size_t done, std::size_t all) {
    meter.Show({.doing = "trace",
                .unit = "fixes",
                .done = static_cast<std::int64_t>(done),
                .all = static_cast<std::int64_t>(all)});
  };
  AUSPEX_TRY(const auto report, MineLabels(repository, tip, std::move(options), book));
  WarnOfGaps(report);
  return {};
}

Result<Mined> WriteRows(const Repository& repository, const MineOptions& options) {
  AUSPEX_TRY(const auto since_s, SinceOf(options));
  AUSPEX_TRY(auto services, ServicePaths(options.paths));
  AUSPEX_TRY(const change::CommitId tip, repository.Resolve("HEAD"));
  AUSPEX_TRY(const std::int64_t all, repository.CountCommits({.tip = tip}));
  AUSPEX_TRY(RowFile out, RowFile::Open(options.out));
  const RealClock clock;
  CopyMeter meter(clock);
  Mined mined;
  change::LabelBook book;
  WaitingRows waiting;
  if (!options.json) {
    AUSPEX_TRY(out.Write(change::CsvHeader()));
  }
  const auto take = [&](const change::Commit& commit, const change::FeatureRow& row) -> Status {
    meter.Show({.doing = "mine", .unit = "commits", .done = ++mined.commits, .all = all});
    if (!options.no_labels) book.Add(commit);
    if (since_s && commit.commit_time_s < *since_s) return {};
    ++mined.rows;
    if (!options.no_labels) return waiting.Add(commit, row);
    return out.Write(options.json ? change::JsonRow(commit, row, nullptr)
                                  : change::CsvRow(commit, row, nullptr));
  };
  change::History history(std::move(services));
  std::vector<change::CommitId> known;
  for (const change::CommitId& stop : StopsOf(repository, tip)) {
    AUSPEX_TRY(const change::git::FoldCount count,
               FoldLog(repository, {{stop, known}, options.content}, history, take));
    mined.too_large += count.contents_too_large;
    known = {stop};
    Keep(repository, stop, history);
  }
  if (!options.no_labels) {
    AUSPEX_TRY(Label(repository, tip, meter, &book));
    AUSPEX_TRY(
        waiting.ForEach([&](const change::Commit& commit, const change::FeatureRow& row) -> Status {
          const auto label = book.LabelOf(commit.id);
          const auto* const told = label ? &*label : nullptr;
          return out.Write(options.json ? change::JsonRow(commit, row, told)
                                        : change::CsvRow(commit, row, told));
        }));
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
  const auto mined = WriteRows(*repository, options);
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
  AddPathOption(mine, &o->paths);
  mine->add_option("--out", o->out, "the file to write; - is standard output (default)");
  mine->add_flag("--content", o->content,
                 "also what only the contents of files tell (complexity, public declarations): "
                 "several times as long");
  mine->add_flag(
      "--no-labels", o->no_labels,
      "leave label_bug and label_known_at empty: the first time, tracing the fixes takes "
      "longer than all the rest (docs/labels.md)");
  mine->add_flag("--json", o->json, "a JSON object a line instead of CSV");
  mine->callback([o, exit] { *exit = Mine(*o); });
}

}  // namespace auspex::cli
