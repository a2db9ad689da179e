#include "auspex/change/git/repository.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "auspex/base/csv.h"
#include "auspex/base/ids.h"

namespace auspex::change::git {
namespace {

constexpr Duration kAnswerLimit = 60s;  // of a question that does not walk the whole history
constexpr Duration kLogLimit = 6h;  // a million commits with their lines are read in half an hour
constexpr std::int64_t kAnswerBytesMost = std::int64_t{16} << 20U;

// Nothing of ours reaches git but where programs lie.
std::vector<std::pair<std::string, std::string>> Environment() {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): no thread of ours changes the environment
  const char* const path = std::getenv("PATH");
  return {
      {"PATH", path == nullptr ? "/usr/bin:/bin" : path},
      {"HOME", "/nonexistent"},
      {"XDG_CONFIG_HOME", "/nonexistent"},
      {"LC_ALL", "C"},
      {"TZ", "UTC"},
      {"GIT_CONFIG_NOSYSTEM", "1"},
      {"GIT_CONFIG_GLOBAL", "/dev/null"},
      {"GIT_ATTR_NOSYSTEM", "1"},
      {"GIT_TERMINAL_PROMPT", "0"},
      {"GIT_OPTIONAL_LOCKS", "0"},
      // A partial clone's server may be `ext::PROGRAM`. This goes before protocol.*.allow, which
      // the repository's own configuration could set; the second is for git 2.45 and later.
      {"GIT_ALLOW_PROTOCOL", "none"},
      {"GIT_NO_LAZY_FETCH", "1"},
      {"GIT_NO_REPLACE_OBJECTS", "1"},
      {"GIT_GRAFT_FILE", "/dev/null"},
      {"GIT_PAGER", "cat"}};
}

// Goes before the repository's own configuration.
std::vector<std::string> Hardened(std::vector<std::string> more) {
  std::vector<std::string> argv = {"git", "--no-pager"};
  for (const char* setting :
       {"core.hooksPath=/dev/null", "core.fsmonitor=false", "core.quotePath=false",
        "core.attributesFile=/dev/null", "core.pager=cat", "core.askPass=true",
        "core.sshCommand=false", "core.bigFileThreshold=50m",
        // Of a large pack git would map a gigabyte at once; this costs it 5 % more time.
        "advice.graftFileDeprecated=false", "core.packedGitLimit=64m",
        "core.packedGitWindowSize=8m", "log.showSignature=false", "log.showRoot=true",
        "gpg.program=false", "diff.external=", "protocol.allow=never", "safe.directory=*",
        "safe.bareRepository=all", "uploadpack.packObjectsHook="}) {
    argv.emplace_back("-c");
    argv.emplace_back(setting);
  }
  argv.insert(argv.end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
  return argv;
}

SubprocessOptions Command(std::vector<std::string> arguments, const std::string& folder) {
  return {.argv = Hardened(std::move(arguments)),
          .env = Environment(),
          .folder = folder,
          .limit = kAnswerLimit,
          .output_bytes_most = kAnswerBytesMost};
}

std::string Trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

Result<SubprocessOutput> Run(const SubprocessOptions& options) {
  Result<SubprocessOutput> run = RunSubprocess(options);
  if (!run.ok() && run.error().code == ErrorCode::kNotFound)
    return Fail(ErrorCode::kUnavailable,
                "git cannot be started ({}); install it (apt-get install git) or set PATH",
                run.error().message);
  return run;
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// What git said: its first line that tells of an error, else its first.
std::string Said(const std::string& errors) {
  const std::vector<std::string> lines = Lines(errors);
  for (const char* mark : {"fatal: ", "error: "}) {
    for (const std::string& line : lines) {
      if (line.starts_with(mark)) return line.substr(7);
    }
  }
  return lines.empty() ? "it says nothing" : lines[0];
}

// A revision that is no option and no surprise on a terminal.
bool Speakable(std::string_view revision) {
  return !revision.empty() && revision.size() <= 1024 && revision[0] != '-' &&
         std::none_of(revision.begin(), revision.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

Result<Repository> Repository::Open(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(path, ignored))
    return Fail(ErrorCode::kNotFound, "{}: there is no such folder", Shown(path));
  Repository repository;
  repository.path_ = path;
  AUSPEX_TRY(const SubprocessOutput run,
             Run(Command({"rev-parse", "--absolute-git-dir", "--is-bare-repository",
                          "--is-shallow-repository", "--show-object-format"},
                         path)));
  const std::vector<std::string> lines = Lines(run.output);
  if (!run.end.good() || lines.size() != 4) {
    if (run.errors.find("not a git repository") != std::string::npos)
      return Fail(ErrorCode::kInvalidArgument,
                  "{} is not a git repository; name the folder of a clone, or of a bare one",
                  Shown(path));
    return Fail(ErrorCode::kUnavailable, "git cannot read {}: {} ({})", Shown(path),
                Said(run.errors), ToText(run.end));
  }
  repository.facts_.git_dir = lines[0];
  repository.facts_.bare = lines[1] == "true";
  repository.facts_.shallow = lines[2] == "true";
  repository.facts_.sha256 = lines[3] == "sha256";
  AUSPEX_TRY(repository.LearnFacts());
  return repository;
}

Status Repository::LearnFacts() {
  AUSPEX_TRY(const SubprocessOutput branch,
             Run(Git({"symbolic-ref", "--quiet", "--short", "HEAD"})));
  if (branch.end.good()) facts_.branch = Trimmed(branch.output);
  AUSPEX_TRY(const SubprocessOutput head,
             Run(Git({"rev-parse", "--verify", "--quiet", "HEAD^{commit}"})));
  if (head.end.good()) {
    AUSPEX_TRY(facts_.head, CommitId::FromHex(Trimmed(head.output)));
  }
  AUSPEX_TRY(
      const SubprocessOutput promisor,
      Run(Git({"config", "--get-regexp", R"(^(extensions\.partialclone|remote\..*\.promisor)$)"})));
  facts_.partial = promisor.end.good() && !promisor.output.empty();
  return {};
}

SubprocessOptions Repository::Git(std::vector<std::string> arguments) const {
  std::vector<std::string> all = {"--git-dir=" + facts_.git_dir};
  all.insert(all.end(), std::make_move_iterator(arguments.begin()),
             std::make_move_iterator(arguments.end()));
  SubprocessOptions options = Command(std::move(all), facts_.git_dir);
  // Goes before core.worktree. No .gitattributes of the work tree then changes what a line is, so a
  // bare clone and a work tree give the same counts.
  options.env.emplace_back("GIT_WORK_TREE", facts_.git_dir);
  return options;
}

Result<std::string> Repository::Ask(std::vector<std::string> arguments) const {
  const std::string what = arguments.empty() ? "" : arguments[0];
  AUSPEX_TRY(SubprocessOutput run, Run(Git(std::move(arguments))));
  if (!run.end.good())
    return Fail(ErrorCode::kUnavailable, "{}: git {} failed: {} ({})", Shown(path_), what,
                Said(run.errors), ToText(run.end));
  return std::move(run.output);
}

Result<CommitId> Repository::Resolve(std::string_view revision) const {
  if (!facts_.head && (revision == "HEAD" || revision == "@"))
    return Fail(ErrorCode::kNoData, "{}: the branch '{}' has no commit yet", Shown(path_),
                facts_.branch);
  if (!Speakable(revision))
    return Fail(ErrorCode::kInvalidArgument, "{} names no commit", Shown(revision));
  AUSPEX_TRY(const SubprocessOutput run, Run(Git({"rev-parse", "--verify", "--end-of-options",
                                                  fmt::format("{}^{{commit}}", revision)})));
  if (!run.end.good())
    return Fail(
        ErrorCode::kInvalidArgument,
        "{}: '{}' names no commit{}; `git log` and `git tag` show what there is", Shown(path_),
        revision,
        facts_.shallow ? " of this shallow clone (`git fetch --unshallow` completes it)" : "");
  return CommitId::FromHex(Trimmed(run.output));
}

Result<bool> Repository::IsAncestor(const CommitId& older, const CommitId& newer) const {
  AUSPEX_TRY(const SubprocessOutput run,
             Run(Git({"merge-base", "--is-ancestor", older.text(), newer.text()})));
  if (run.end.good()) return true;
  if (run.end == SubprocessEnd{1, 0}) return false;
  return Fail(ErrorCode::kUnavailable, "{}: git merge-base failed: {}", Shown(path_),
              Said(run.errors));
}

Result<std::int64_t> Repository::CountCommits(const LogQuery& query) const {
  std::vector<std::string> arguments = {"rev-list", "--count", "--no-merges", query.tip.text()};
  for (const CommitId& known : query.known) arguments.push_back("^" + known.text());
  arguments.emplace_back("--");
  AUSPEX_TRY(const std::string text, Ask(std::move(arguments)));
  const std::string trimmed = Trimmed(text);
  std::int64_t count = 0;
  std::from_chars(trimmed.data(), trimmed.data() + trimmed.size(), count);
  return count;
}

Result<Range> Repository::RangeBetween(std::string_view older, std::string_view newer) const {
  AUSPEX_TRY(const CommitId from, Resolve(older));
  AUSPEX_TRY(const CommitId to, Resolve(newer));
  const std::string text = fmt::format("{}..{}", older, newer);
  if (from == to)
    return Fail(ErrorCode::kNoData, "{}: the range {} is empty: both are {}", Shown(path_), text,
                from.text().substr(0, 12));
  AUSPEX_TRY(const SubprocessOutput common, Run(Git({"merge-base", from.text(), to.text()})));
  if (!common.end.good())
    return Fail(ErrorCode::kInvalidArgument, "{}: {} and {} have no common history{}", Shown(path_),
                older, newer,
                facts_.shallow ? "; the clone is shallow: `git fetch --unshallow`" : "");
  AUSPEX_TRY(const CommitId base, CommitId::FromHex(Trimmed(common.output)));
  if (base == to)
    return Fail(ErrorCode::kInvalidArgument,
                "{}: the range {} is reversed: {} comes before {}; did you mean {}..{}?",
                Shown(path_), text, newer, older, newer, older);
  Range range{.base = base, .tip = to, .known = {base, from}, .text = text};
  AUSPEX_TRY(range.commits, CountCommits({.tip = to, .known = range.known}));
  return range;
}

Result<Range> Repository::LastCommit(std::string_view revision) const {
  AUSPEX_TRY(const CommitId tip, Resolve(revision));
  Range range{.tip = tip, .text = std::string(revision)};
  AUSPEX_TRY(const SubprocessOutput parent,
             Run(Git({"rev-parse", "--verify", "--quiet", tip.text() + "^1"})));
  if (parent.end.good()) {
    AUSPEX_TRY(range.base, CommitId::FromHex(Trimmed(parent.output)));
  }
  if (range.base) range.known.push_back(*range.base);
  AUSPEX_TRY(range.commits, CountCommits({.tip = tip, .known = range.known}));
  return range;
}

Result<std::string> Repository::LastTag(std::string_view service) const {
  for (const char* from : {"HEAD", "HEAD~1"}) {
    std::vector<std::string> arguments{"describe", "--tags", "--abbrev=0"};
    if (!service.empty()) {
      if (!CheckName("service", service).ok()) return std::string();  // '*' would be a pattern
      for (const char end : {'/', '-', '@'})
        arguments.push_back(fmt::format("--match={}{}*", service, end));
    }
    arguments.emplace_back(from);
    AUSPEX_TRY(const SubprocessOutput tag, Run(Git(std::move(arguments))));
    if (!tag.end.good()) return std::string();
    std::string name = Trimmed(tag.output);
    AUSPEX_TRY(const CommitId tagged, Resolve("refs/tags/" + name));
    AUSPEX_TRY(const CommitId head, Resolve("HEAD"));
    if (tagged != head) return name;
  }
  return std::string();
}

Result<Range> Repository::ChooseRange(std::string_view service) const {
  AUSPEX_TRY(Resolve("HEAD"));
  AUSPEX_TRY(const SubprocessOutput upstream,
             Run(Git({"rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}"})));
  if (upstream.end.good()) {
    const std::string name = Trimmed(upstream.output);
    Result<Range> range = RangeBetween(name, "HEAD");
    if (range.ok()) {
      range->chosen = fmt::format("the branch {} against its upstream", facts_.branch);
      return range;
    }
  }
  AUSPEX_TRY(std::string tag, LastTag(service));
  if (tag.empty() && !service.empty()) {
    AUSPEX_TRY(tag, LastTag({}));
  }
  if (!tag.empty()) {
    Result<Range> range = RangeBetween("refs/tags/" + tag, "HEAD");
    if (range.ok()) {
      range->text = tag + "..HEAD";
      range->chosen = "since the last tag";
      return range;
    }
  }
  AUSPEX_TRY(Range range, LastCommit("HEAD"));
  range.chosen = "the last commit: neither an upstream nor a tag lies behind it";
  return range;
}

Result<Range> Repository::ResolveRange(std::string_view text, std::string_view service) const {
  if (text.empty()) return ChooseRange(service);
  if (text.find("...") != std::string_view::npos)
    return Fail(ErrorCode::kInvalidArgument,
                "'{}': a range has two dots, A..B: what B has and A has not", text);
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) return LastCommit(text);
  const std::string_view older = text.substr(0, dots);
  const std::string_view newer = text.substr(dots + 2);
  return RangeBetween(older.empty() ? "HEAD" : older, newer.empty() ? "HEAD" : newer);
}

bool Repository::HasFolder(const CommitId& commit, const std::string& path) const {
  const auto type = Ask({"cat-file", "-t", fmt::format("{}:{}", commit.text(), path)});
  return type.ok() && *type == "tree\n";
}

Result<LogReader> Repository::Log(const LogQuery& query) const {
  std::vector<std::string> arguments = {"log",
                                        "-z",
                                        "--reverse",
                                        "--date-order",
                                        "--no-merges",
                                        "--raw",
                                        "--numstat",
                                        "--no-abbrev",
                                        "--date=raw",
                                        "-M",
                                        "-l1000",
                                        "-O/dev/null",
                                        "--diff-algorithm=default",
                                        "--no-relative",
                                        "--no-ext-diff",
                                        "--no-textconv",
                                        "--no-show-signature",
                                        "--no-notes",
                                        "--no-color",
                                        "--no-decorate",
                                        "--submodule=short",
                                        "--ignore-submodules=none",
                                        "--encoding=UTF-8",
                                        fmt::format("--format={}", kLogFormat),
                                        query.tip.text()};
  for (const CommitId& known : query.known) arguments.push_back("^" + known.text());
  arguments.emplace_back("--");
  SubprocessOptions options = Git(std::move(arguments));
  options.limit = kLogLimit;
  options.output_bytes_most = std::int64_t{1} << 40U;
  AUSPEX_TRY(Subprocess git, Subprocess::Start(options));
  git.CloseInput();
  return LogReader(std::move(git), facts_.partial);
}

Result<std::optional<Commit>> LogReader::Next() {
  std::array<char, 65536> buffer{};
  while (true) {
    if (auto commit = parser_.Next()) return commit;
    if (over_) return std::optional<Commit>();
    AUSPEX_TRY(const std::size_t got, git_.Read(buffer.data(), buffer.size()));
    if (got > 0) {
      AUSPEX_TRY(parser_.Feed({buffer.data(), got}));
      continue;
    }
    AUSPEX_TRY(const SubprocessEnd end, git_.Wait());
    if (!end.good())
      return Fail(ErrorCode::kUnavailable, "git log failed: {} ({}){}", Said(git_.errors()),
                  ToText(end),
                  partial_ ? "; this is a partial clone, whose file contents are left with its "
                             "server: complete it with `git fetch --refetch --no-filter`"
                           : "; `git fsck` tells whether an object is damaged or missing");
    AUSPEX_TRY(parser_.Finish());
    over_ = true;
  }
}

Result<BlobReader> Repository::Blobs() const {
  SubprocessOptions options = Git({"cat-file", "--batch"});
  options.output_bytes_most = std::int64_t{1} << 50U;
  AUSPEX_TRY(Subprocess git, Subprocess::Start(options));
  return BlobReader(std::move(git));
}

Status BlobReader::Fill() {
  buffer_.erase(0, std::exchange(begin_, 0));
  std::array<char, 65536> chunk{};
  AUSPEX_TRY(const std::size_t got, git_.Read(chunk.data(), chunk.size()));
  if (got == 0) return Fail(ErrorCode::kUnavailable, "git cat-file ended: {}", Said(git_.errors()));
  buffer_.append(chunk.data(), got);
  return {};
}

Result<std::string> BlobReader::ReadLine() {
  constexpr std::size_t kLineMost = 4096;
  while (true) {
    const std::size_t end = buffer_.find('\n', begin_);
    if (end != std::string::npos) {
      std::string line = buffer_.substr(begin_, end - begin_);
      begin_ = end + 1;
      return line;
    }
    if (buffer_.size() - begin_ > kLineMost)
      return Fail(ErrorCode::kUnavailable, "git cat-file gives no answer that can be read");
    AUSPEX_TRY(Fill());
  }
}

// The content and the newline behind it; dropped where `into` is null.
Status BlobReader::ReadContent(std::int64_t size_bytes, std::string* into) {
  auto left = static_cast<std::size_t>(size_bytes) + 1;
  if (into != nullptr) into->reserve(left);
  while (left > 0) {
    if (begin_ == buffer_.size()) {
      git_.Allow(kAnswerLimit);
      AUSPEX_TRY(Fill());
    }
    const std::size_t take = std::min(left, buffer_.size() - begin_);
    if (into != nullptr) into->append(buffer_, begin_, take);
    begin_ += take;
    left -= take;
  }
  if (into != nullptr) into->pop_back();
  return {};
}

Result<Blob> BlobReader::Read(const ObjectId& id) {
  if (id.null()) return Blob{BlobState::kRead, 0, ""};
  git_.Allow(kAnswerLimit);
  AUSPEX_TRY(git_.Send(id.text() + "\n"));
  AUSPEX_TRY(const std::string line, ReadLine());
  if (line.ends_with(" missing")) return Blob{BlobState::kMissing, 0, ""};
  const std::size_t last = line.rfind(' ');
  std::int64_t size_bytes = -1;
  if (last != std::string::npos)
    std::from_chars(line.data() + last + 1, line.data() + line.size(), size_bytes);
  if (size_bytes < 0) return Fail(ErrorCode::kUnavailable, "git cat-file says: {}", Shown(line));
  const bool is_blob = line.substr(0, last).ends_with(" blob");
  const bool keep = is_blob && size_bytes <= kBytesMost;
  Blob blob{keep      ? BlobState::kRead
            : is_blob ? BlobState::kTooLarge
                      : BlobState::kNoBlob,
            size_bytes, ""};
  AUSPEX_TRY(ReadContent(size_bytes, keep ? &blob.bytes : nullptr));
  return blob;
}

}  // namespace auspex::change::git
