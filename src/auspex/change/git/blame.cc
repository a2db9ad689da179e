#include "auspex/change/git/blame.h"

#include <fmt/format.h>
#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "auspex/change/git/graph_index.h"
#include "auspex/change/git/patch_parser.h"
#include "auspex/change/git/trace_cache.h"
#include "auspex/change/szz.h"

namespace auspex::change::git {
namespace {

namespace fs = std::filesystem;

// Fixes that one diff-tree is asked for: few processes, and little to lose where one fails.
constexpr std::size_t kBatch = 32;
constexpr std::size_t kMostWorkers = 8;
constexpr Duration kPatchLimit = 10min;

// What git died of; hints and warnings may stand before it.
std::string Said(const std::string& errors) {
  const auto fatal = errors.find("fatal: ");
  const auto from = fatal == std::string::npos ? 0 : fatal + 7;
  return errors.substr(from, errors.find('\n', from) - from);
}

std::string_view CutLine(std::string_view* text) {
  const auto end = std::min(text->find('\n'), text->size());
  const auto line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return line;
}

// What all workers share.
class Work {
 public:
  Work(const Repository& repository, const TraceOptions& options, std::span<const Fix> fixes,
       TraceReport* report)
      : repository_(repository), options_(options), fixes_(fixes), report_(report) {
    deadline_ = std::chrono::steady_clock::now() + options.limit;
  }
  ~Work() {
    std::error_code ignored;
    if (!scratch_.empty()) fs::remove_all(scratch_, ignored);
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  Status Prepare() {
    std::string folder = options_.cache_folder;
    if (!folder.empty()) {
      // Nobody need end for a cache.
      if (auto opened = TraceCache::Open(folder); opened.ok()) {
        cache_ = *std::move(opened);
      } else {
        report_->cache_failure = opened.error().message;
        folder.clear();
      }
    }
    traced_.resize(fixes_.size());
    for (std::size_t i = 0; i < fixes_.size(); ++i) {
      traced_[i].fix = fixes_[i];
      if (auto known = cache_.Find(fixes_[i].id)) {
        traced_[i].blames = *std::move(known);
        ++report_->from_cache;
      } else {
        missing_.push_back(i);
      }
    }
    if (missing_.empty()) return {};
    AUSPEX_TRY(MakeScratch());
    index_ = GraphIndex::Make(repository_, fixes_[missing_.back()].parent,
                              folder.empty() ? scratch_ : folder);
    report_->indexed = index_ && index_->has_graph();
    return {};
  }

  Status Run() {
    std::size_t workers = options_.workers;
    if (workers == 0)
      workers = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, kMostWorkers);
    workers = std::min(workers, missing_.size() / kBatch + 1);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < workers; ++i) threads.emplace_back([this] { RunBatches(); });
    for (auto& thread : threads) thread.join();
    if (error_) return Failure{*error_};
    return {};
  }

  std::vector<TracedFix> Take() { return std::move(traced_); }

 private:
  // A folder for this run, with the commits to pass through, which git reads from a file.
  Status MakeScratch() {
    std::error_code error;
    std::string path = (fs::temp_directory_path(error) / "auspex-blame-XXXXXX").string();
    if (error || mkdtemp(path.data()) == nullptr) {
      return Fail(ErrorCode::kPermissionDenied, "no folder {} can be made; set TMPDIR", path);
    }
    scratch_ = path;
    if (options_.pass_through.empty()) return {};
    pass_through_ = scratch_ + "/pass-through";
    std::ofstream file(pass_through_);
    for (const auto& id : options_.pass_through) file << id.text() << '\n';
    if (!file.flush()) {
      return Fail(ErrorCode::kPermissionDenied, "{} cannot be written", pass_through_);
    }
    return {};
  }

  void RunBatches() {
    while (!stopped_) {
      const auto from = next_.fetch_add(kBatch);
      if (from >= missing_.size()) return;
      const auto batch =
          std::span(missing_).subspan(from, std::min(kBatch, missing_.size() - from));
      if (const Status done = RunBatch(batch); !done.ok()) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = done.error();
        stopped_ = true;
      }
    }
  }

  Status RunBatch(std::span<const std::size_t> batch) {
    AUSPEX_TRY(const auto patches, ReadPatches(batch));
    for (const auto i : batch) {
      if (std::chrono::steady_clock::now() > deadline_) {
        return Fail(ErrorCode::kUnavailable,
                    "{}: tracing took longer than {} s; run it again to go on from here",
                    repository_.path(),
                    std::chrono::duration_cast<std::chrono::seconds>(options_.limit).count());
      }
      const auto patch = patches.find(fixes_[i].id);
      AUSPEX_TRY(TraceOne(i, patch == patches.end() ? std::vector<FilePatch>() : patch->second));
    }
    return {};
  }

  using Patches = std::map<CommitId, std::vector<FilePatch>>;

  // What each fix of the batch replaces.
  Result<Patches> ReadPatches(std::span<const std::size_t> batch) const {
    auto options =
        Git({"diff-tree", "--stdin", "-r", "-p", "-U0", "-w", "-M", "-l1000",
             "--diff-algorithm=histogram", "--inter-hunk-context=0", "--full-index",
             "--no-ext-diff", "--no-textconv", "--no-color", "--no-relative", "-O/dev/null",
             "--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules=all"});
    options.limit = kPatchLimit;
    options.output_bytes_most = std::int64_t{4} << 30U;
    AUSPEX_TRY(auto git, Subprocess::Start(options));
    std::string ids;
    for (const auto i : batch) ids += fixes_[i].id.text() + "\n";
    AUSPEX_TRY(git.Send(ids));
    git.CloseInput();
    PatchParser parser;
    Patches patches;
    const auto take = [&] {
      while (auto patch = parser.Next()) patches[patch->id] = std::move(patch->files);
    };
    std::array<char, 65536> buffer{};
    for (;;) {
      AUSPEX_TRY(const std::size_t got, git.Read(buffer.data(), buffer.size()));
      if (got == 0) break;
      AUSPEX_TRY(parser.Feed({buffer.data(), got}));
      take();
    }
    AUSPEX_TRY(parser.Finish());
    take();
    AUSPEX_TRY(const auto end, git.Wait());
    if (!end.good()) {
      return Fail(ErrorCode::kUnavailable, "{}: git diff-tree failed: {} ({})", repository_.path(),
                  Said(git.errors()), ToText(end));
    }
    return patches;
  }

  Status TraceOne(std::size_t i, const std::vector<FilePatch>& patch) {
    const auto files = LinesToTrace(patch);
    std::map<CommitId, std::int64_t> lines;
    std::size_t failed = 0;
    std::string failure;
    for (const auto& file : files) {
      const auto blames = BlameFile(fixes_[i].parent, file);
      if (!blames.ok()) {
        ++failed;
        failure = blames.error().message;
        continue;
      }
      for (const auto& blame : *blames) lines[blame.origin] += blame.lines;
    }
    auto& blames = traced_[i].blames;
    for (const auto& [origin, count] : lines) blames.push_back({origin, count});
    const std::lock_guard lock(mutex_);
    if (failed == 0) cache_.Add(fixes_[i].id, blames);
    if (files.empty()) ++report_->nothing;
    report_->files += files.size();
    report_->files_failed += failed;
    if (report_->first_failure.empty()) report_->first_failure = failure;
    ++done_;
    if (options_.progress) options_.progress(done_, missing_.size());
    return {};
  }

  Result<std::vector<Blame>> BlameFile(const CommitId& parent, const TracedFile& file) const {
    std::vector<std::string> arguments = {"blame", "--no-textconv", "--incremental", "-w", "-M"};
    // Lines of the first commit are its own; of a shallow clone nobody knows whose.
    if (!repository_.facts().shallow) arguments.emplace_back("--root");
    for (const auto& range : file.ranges) {
      arguments.push_back(fmt::format("-L{},{}", range.first, range.last));
    }
    if (!pass_through_.empty()) arguments.push_back("--ignore-revs-file=" + pass_through_);
    arguments.push_back(parent.text());
    arguments.emplace_back("--");
    arguments.push_back(file.path);
    auto options = Git(std::move(arguments));
    options.limit = options_.limit_each;
    AUSPEX_TRY(const SubprocessOutput run, RunSubprocess(options));
    if (!run.end.good()) {
      return Fail(ErrorCode::kUnavailable, "git blame of {} in {} failed: {} ({})", file.path,
                  parent.text(), Said(run.errors), ToText(run.end));
    }
    return ParseBlame(run.output);
  }

  [[nodiscard]] SubprocessOptions Git(std::vector<std::string> arguments) const {
    auto options = repository_.Git(std::move(arguments));
    return index_ ? index_->Redirect(std::move(options)) : options;
  }

  const Repository& repository_;
  const TraceOptions& options_;
  const std::span<const Fix> fixes_;
  std::string scratch_;       // a folder that goes with this object; empty: none
  std::string pass_through_;  // a file of ids in it; empty: none
  MonotonicTime deadline_;
  std::optional<GraphIndex> index_;
  std::vector<std::size_t> missing_;  // of fixes_
  std::vector<TracedFix> traced_;     // each written by the worker that has its fix
  std::atomic<std::size_t> next_{0};  // of missing_
  std::atomic<bool> stopped_{false};

  std::mutex mutex_;  // guards what follows
  TraceCache cache_;
  TraceReport* report_;
  std::size_t done_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<std::vector<TracedFix>> Tracer::Trace(std::span<const Fix> fixes) {
  report_ = {};
  report_.fixes = fixes.size();
  Work work(repository_, options_, fixes, &report_);
  AUSPEX_TRY(work.Prepare());
  AUSPEX_TRY(work.Run());
  return work.Take();
}

// A group is "ID ORIGINAL FINAL COUNT", details, and "filename PATH" at its end.
Result<std::vector<Blame>> ParseBlame(std::string_view output) {
  std::map<CommitId, std::int64_t> lines;
  std::map<CommitId, bool> boundary;
  while (!output.empty()) {
    auto line = CutLine(&output);
    const auto space = std::min(line.find(' '), line.size());
    const auto id = CommitId::FromHex(line.substr(0, space));
    std::int64_t count = 0;
    const auto last = line.rfind(' ');
    if (!id.ok() || last == std::string_view::npos ||
        std::from_chars(line.data() + last + 1, line.data() + line.size(), count).ec !=
            std::errc() ||
        count < 1) {
      return Fail(ErrorCode::kInvalidArgument, "git blame says what cannot be read: '{}'",
                  line.substr(0, 100));
    }
    lines[*id] += count;
    bool ended = false;
    while (!output.empty() && !ended) {
      const auto detail = CutLine(&output);
      ended = detail.starts_with("filename ");
      if (detail == "boundary") boundary[*id] = true;
    }
    if (!ended) return Fail(ErrorCode::kInvalidArgument, "git blame ends too early");
  }
  std::vector<Blame> blames;
  for (const auto& [id, count] : lines) {
    if (!boundary.contains(id)) blames.push_back({id, count});
  }
  return blames;
}

}  // namespace auspex::change::git
