#include "auspex/change/git/graph_index.h"

#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>
#include <utility>

namespace auspex::change::git {
namespace {

namespace fs = std::filesystem;

// Of a history of a million commits the first time; the next time only what is new is looked at.
constexpr Duration kGraphLimit = 30min;

bool Write(const fs::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  return static_cast<bool>(file.flush());
}

}  // namespace

std::optional<GraphIndex> GraphIndex::Make(const Repository& repository, const CommitId& tip,
                                           const std::string& folder) {
  const auto& facts = repository.facts();
  std::error_code error;
  // Of a work tree that shares another's objects too.
  const auto path_of = [&](const char* what) {
    auto path = repository.Ask({"rev-parse", "--git-path", what});
    if (!path.ok() || path->empty()) return fs::path();
    path->pop_back();
    return fs::absolute(fs::path(facts.git_dir) / *path, error);
  };
  const fs::path objects = path_of("objects");
  const fs::path own = fs::absolute(fs::path(folder) / "index.git", error);
  // A list of lines names the borrowed objects.
  if (error || objects.empty() || objects.string().find('\n') != std::string::npos) return {};
  fs::create_directories(own / "refs", error);
  fs::create_directories(own / "objects" / "info", error);
  const std::string_view config = facts.sha256
                                      ? "[core]\n\trepositoryformatversion = 1\n\tbare = true\n"
                                        "[extensions]\n\tobjectformat = sha256\n"
                                      : "[core]\n\trepositoryformatversion = 0\n\tbare = true\n";
  if (error || !Write(own / "HEAD", "ref: refs/heads/none\n") || !Write(own / "config", config) ||
      !Write(own / "objects" / "info" / "alternates", objects.string() + "\n")) {
    return {};
  }
  GraphIndex index(own.string());
  if (facts.shallow) {
    fs::copy_file(path_of("shallow"), own / "shallow", fs::copy_options::overwrite_existing, error);
    return error ? std::nullopt : std::optional(index);
  }
  if (facts.partial) return index;
  auto git = index.Redirect(repository.Git(
      {"commit-graph", "write", "--stdin-commits", "--changed-paths", "--no-progress"}));
  git.limit = kGraphLimit;
  const auto run = RunSubprocess(git, tip.text() + "\n");
  index.has_graph_ = run.ok() && run->end.good();
  return index;
}

SubprocessOptions GraphIndex::Redirect(SubprocessOptions git) const {
  for (auto& argument : git.argv) {
    if (argument.starts_with("--git-dir=")) argument = "--git-dir=" + git_dir_;
  }
  for (auto& [name, value] : git.env) {
    if (name == "GIT_WORK_TREE") value = git_dir_;
  }
  git.folder = git_dir_;
  return git;
}

}  // namespace auspex::change::git
