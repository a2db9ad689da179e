#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "auspex/base/subprocess.h"

namespace auspex::change {

// A repository of its own under /tmp that tests write with git itself; gone at the end.
class ScratchRepository {
 public:
  explicit ScratchRepository(const std::vector<std::string>& init = {}) {
    std::string folder = "/tmp/auspex-change-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = folder;
    std::vector<std::string> arguments = {"init", "-q", "-b", "main"};
    arguments.insert(arguments.end(), init.begin(), init.end());
    Git(arguments);
  }
  ScratchRepository(const ScratchRepository&) = delete;
  ScratchRepository& operator=(const ScratchRepository&) = delete;
  ~ScratchRepository() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }

  // Who writes from now on, and when (author and committer).
  void As(const std::string& email, const std::string& date) {
    email_ = email;
    date_ = date;
  }

  std::string Git(const std::vector<std::string>& arguments, const std::string& input = {}) const {
    SubprocessOptions options{.argv = {"git"},
                              .env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
                                      {"HOME", path_},
                                      {"GIT_CONFIG_NOSYSTEM", "1"},
                                      {"GIT_AUTHOR_NAME", "An Author"},
                                      {"GIT_AUTHOR_EMAIL", email_},
                                      {"GIT_AUTHOR_DATE", date_},
                                      {"GIT_COMMITTER_NAME", "A Committer"},
                                      {"GIT_COMMITTER_EMAIL", "committer@example.com"},
                                      {"GIT_COMMITTER_DATE", date_}},
                              .folder = path_};
    options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
    const auto run = RunSubprocess(options, input);
    if (!run.ok()) throw std::runtime_error(run.error().message);
    if (!run->end.good()) throw std::runtime_error(arguments[0] + ": " + run->errors);
    return run->output;
  }

  void Write(const std::string& file, const std::string& content) const {
    const auto to = std::filesystem::path(path_) / file;
    std::filesystem::create_directories(to.parent_path());
    std::ofstream(to, std::ios::binary) << content;
  }

  // All that is in the work tree; the new commit's id.
  std::string Commit(const std::string& message) const {
    Git({"add", "-A"});
    Git({"commit", "-q", "--allow-empty", "-m", message});
    std::string id = Git({"rev-parse", "HEAD"});
    id.pop_back();
    return id;
  }

 private:
  std::string path_;
  std::string email_ = "a@example.com";
  std::string date_ = "1600000000 +0200";
};

}  // namespace auspex::change
