#include "auspex/change/files.h"

#include <algorithm>

namespace auspex::change {
namespace {

// A rule "who changes f changes p" is one where it held so often, and so regularly, as in
// Zimmermann et al., "Mining version histories to guide software changes", IEEE TSE 31(6), 2005,
// who warn of a missing change at a support of 3; their confidence there, 0.9, is for interrupting
// a person, half of the changes is enough for a feature.
constexpr std::uint32_t kUsualTimes = 3;
constexpr double kUsualShare = 0.5;

void CountPartner(std::vector<Partner>& partners, std::uint32_t file) {
  const auto known = std::find_if(partners.begin(), partners.end(),
                                  [file](const Partner& one) { return one.file == file; });
  if (known != partners.end()) {
    ++known->times;
    return;
  }
  if (partners.size() < Files::kPartnersMost) {
    partners.push_back({file, 1});
    return;
  }
  const auto rarest =
      std::min_element(partners.begin(), partners.end(),
                       [](const Partner& a, const Partner& b) { return a.times < b.times; });
  *rarest = {file, 1};
}

}  // namespace

std::uint32_t Files::FileAt(std::string_view path) const {
  const std::uint32_t number = paths_.Find(path);
  return number < file_at_.size() ? file_at_[number] : kNoFile;
}

void Files::Name(std::string_view path, std::uint32_t file) {
  const std::uint32_t number = paths_.FindOrAdd(path);
  if (number == kNoText) return;
  if (number >= file_at_.size()) file_at_.resize(number + 1, kNoFile);
  file_at_[number] = file;
  files_[file].path = number;
}

std::string_view Files::PathOf(std::uint32_t file) const {
  return files_[file].path == kNoText ? std::string_view() : paths_.Text(files_[file].path);
}

std::uint32_t Files::Find(const FileChange& change) const {
  const bool renamed = change.status == FileStatus::kRenamed;
  const std::uint32_t file = FileAt(renamed ? change.old_path : change.path);
  if (file == kNoFile) return kNoFile;
  const bool old_name = PathOf(file) != change.path;
  return change.status == FileStatus::kAdded && old_name ? kNoFile : file;
}

std::uint32_t Files::Take(const FileChange& change, std::uint32_t found) {
  std::uint32_t file = found;
  if (file == kNoFile) {
    file = static_cast<std::uint32_t>(files_.size());
    files_.emplace_back();
    // A rename of what nobody saw being added (it came with a merge): both names are its.
    if (change.status == FileStatus::kRenamed) Name(change.old_path, file);
    Name(change.path, file);
  } else if (change.status == FileStatus::kRenamed) {
    Name(change.path, file);
  }
  return file;
}

void Files::AddTogether(const std::vector<std::uint32_t>& files) {
  if (files.size() < 2 || files.size() > kCoChangeFilesMost) return;
  for (const std::uint32_t file : files) {
    ++files_[file].co_changes;
    for (const std::uint32_t other : files) {
      if (other != file) CountPartner(files_[file].partners, other);
    }
  }
}

std::vector<std::uint32_t> Files::UsuallyTogetherWith(
    const std::vector<std::uint32_t>& files) const {
  std::vector<std::uint32_t> missing;
  for (const std::uint32_t file : files) {
    const double needed = kUsualShare * files_[file].co_changes;
    for (const Partner& partner : files_[file].partners) {
      const bool usual = partner.times >= kUsualTimes && partner.times >= needed;
      if (usual && files_[partner.file].there &&
          !std::binary_search(files.begin(), files.end(), partner.file))
        missing.push_back(partner.file);
    }
  }
  std::sort(missing.begin(), missing.end());
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  return missing;
}

void Files::Write(ByteWriter& writer) const {
  paths_.Write(writer);
  writer.PutList(file_at_);
  writer.Put(std::uint64_t{files_.size()});
  for (const FileState& file : files_) {
    writer.Put(file.path);
    writer.Put(file.last_change);
    writer.Put(file.last_change_s);
    writer.Put(file.changes);
    writer.Put(file.co_changes);
    writer.Put(file.there);
    writer.Put(file.churn);
    writer.Put(file.lines);
    writer.PutList(file.authors);
    writer.PutList(file.partners);
  }
}

void Files::Read(ByteReader& reader) {
  constexpr std::size_t kBytesOfAFile = 5 * 4 + 1 + 2 * 8 + 2 * 8;
  paths_.Read(reader);
  file_at_ = reader.GetList<std::uint32_t>();
  files_.assign(reader.Length(kBytesOfAFile), {});
  const auto sound = [this](std::uint32_t file) { return file < files_.size(); };
  for (FileState& file : files_) {
    file.path = reader.Get<std::uint32_t>();
    file.last_change = reader.Get<std::uint32_t>();
    file.last_change_s = reader.Get<std::uint32_t>();
    file.changes = reader.Get<std::uint32_t>();
    file.co_changes = reader.Get<std::uint32_t>();
    file.there = reader.Get<std::uint8_t>() != 0;
    file.churn = reader.Get<std::uint64_t>();
    file.lines = reader.Get<std::int64_t>();
    file.authors = reader.GetList<FileAuthor>();
    file.partners = reader.GetList<Partner>();
    if (file.path != kNoText && file.path >= paths_.size()) reader.Fail();
    for (const Partner& partner : file.partners) {
      if (!sound(partner.file)) reader.Fail();
    }
  }
  if (file_at_.size() > paths_.size()) reader.Fail();
  for (const std::uint32_t file : file_at_) {
    if (file != kNoFile && !sound(file)) reader.Fail();
  }
}

}  // namespace auspex::change
