#include "auspex/change/services.h"

#include <algorithm>
#include <array>

#include "auspex/change/file_kind.h"

namespace auspex::change {
namespace {

bool MakesWorkspace(std::string_view path) {
  constexpr std::array<std::string_view, 11> kNames = {
      "BUILD",          "BUILD.bazel", "go.mod",        "package.json",
      "Cargo.toml",     "pom.xml",     "build.gradle",  "build.gradle.kts",
      "pyproject.toml", "setup.py",    "CMakeLists.txt"};
  return std::find(kNames.begin(), kNames.end(), NameOf(path)) != kNames.end();
}

}  // namespace

bool ServicePath::Holds(std::string_view file) const {
  return file.size() > path.size() && file.starts_with(path) && file[path.size()] == '/';
}

Result<std::string> FolderOf(std::string_view path) {
  const auto refuse = [path](std::string_view why) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is {}; write a folder as services/checkout",
                path, why);
  };
  if (path.starts_with('/')) return refuse("absolute");
  std::string folder;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (part == "..") return refuse("no folder of a repository");
    if (part.empty() || part == ".") continue;
    folder.append(folder.empty() ? "" : "/").append(part);
  }
  if (folder.empty()) return refuse("no folder below the top");
  return folder;
}

Services::Services(std::vector<ServicePath> configured) : configured_(std::move(configured)) {
  std::stable_sort(
      configured_.begin(), configured_.end(),
      [](const ServicePath& a, const ServicePath& b) { return a.path.size() > b.path.size(); });
}

void Services::Update(const FileChange& change) {
  const auto count = [this](std::string_view path, std::int64_t by) {
    if (!MakesWorkspace(path)) return;
    const std::string folder(DirectoryOf(path));
    std::int64_t& files = workspaces_[folder];
    files += by;
    if (files <= 0) workspaces_.erase(folder);
  };
  if (change.status == FileStatus::kAdded) count(change.path, 1);
  if (change.status == FileStatus::kDeleted) count(change.path, -1);
  if (change.status == FileStatus::kRenamed) {
    count(change.old_path, -1);
    count(change.path, 1);
  }
}

std::string_view Services::Of(std::string_view path) const {
  for (const ServicePath& one : configured_) {
    if (one.Holds(path)) return one.service;
  }
  std::string_view folder = DirectoryOf(path);
  while (!folder.empty()) {
    const auto found = workspaces_.find(folder);
    if (found != workspaces_.end()) return found->first;
    folder = DirectoryOf(folder);
  }
  return {};
}

void Services::Write(ByteWriter& writer) const {
  writer.Put(std::uint64_t{workspaces_.size()});
  for (const auto& [folder, files] : workspaces_) {
    writer.PutText(folder);
    writer.Put(files);
  }
}

void Services::Read(ByteReader& reader) {
  workspaces_.clear();
  for (std::size_t left = reader.Length(16); left > 0; --left) {
    std::string folder = reader.GetText();
    workspaces_[std::move(folder)] = reader.Get<std::int64_t>();
  }
}

}  // namespace auspex::change
