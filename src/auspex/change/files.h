#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "auspex/change/bytes.h"
#include "auspex/change/change.h"
#include "auspex/change/text_table.h"

namespace auspex::change {

constexpr std::uint32_t kNoFile = 0xffff'ffff;

// Someone who changed a file.
struct FileAuthor {
  std::uint32_t author = 0;
  std::uint32_t changes = 0;
  std::uint32_t last_s = 0;  // Stored()
};

// A file that changed together with another.
struct Partner {
  std::uint32_t file = kNoFile;
  std::uint32_t times = 0;
};

// What the history so far says of a file.
struct FileState {
  std::uint32_t path = kNoText;     // its present name
  std::uint32_t last_change = 0;    // number of the commit
  std::uint32_t last_change_s = 0;  // Stored()
  std::uint32_t changes = 0;
  std::uint32_t co_changes = 0;     // those of 2 to kCoChangeFilesMost files
  bool there = false;               // not deleted
  std::uint64_t churn = 0;          // lines added and deleted
  std::int64_t lines = 0;           // as the counts of added and deleted lines add up
  std::vector<FileAuthor> authors;  // the first Files::kAuthorsMost
  // The most frequent; a bounded sketch: where it is full, the rarest makes room.
  std::vector<Partner> partners;
};

// Files of a history by number, followed through renames. A rename makes the new path a name of the
// same file, and the old one stays a name of it for changes on branches that have not seen the
// rename; a file that is *added* at such an old name is another one. A file that was deleted and is
// added again goes on. Not thread-safe.
class Files {
 public:
  static constexpr std::size_t kPartnersMost = 12;
  // No file of a living repository has had so many; a made-up one shall not cost their square.
  static constexpr std::size_t kAuthorsMost = 10'000;
  static constexpr std::size_t kCoChangeFilesMost = 20;

  // The file that a change continues; kNoFile where it begins one.
  [[nodiscard]] std::uint32_t Find(const FileChange& change) const;
  // The same, begun where need be, with its names as after the change. Of a commit's changes, Find
  // all before the first Take: files may swap their names.
  std::uint32_t Take(const FileChange& change, std::uint32_t found);
  [[nodiscard]] const FileState& At(std::uint32_t file) const { return files_[file]; }
  FileState& At(std::uint32_t file) { return files_[file]; }
  [[nodiscard]] std::string_view PathOf(std::uint32_t file) const;
  [[nodiscard]] std::size_t size() const { return files_.size(); }

  // These changed together.
  void AddTogether(const std::vector<std::uint32_t>& files);
  // Files that are there, are not among `files` (ascending) and changed in at least
  // kUsualShare of the changes of one of them, and kUsualTimes times at least. Each once.
  [[nodiscard]] std::vector<std::uint32_t> UsuallyTogetherWith(
      const std::vector<std::uint32_t>& files) const;

  void Write(ByteWriter& writer) const;
  void Read(ByteReader& reader);

 private:
  [[nodiscard]] std::uint32_t FileAt(std::string_view path) const;
  void Name(std::string_view path, std::uint32_t file);

  TextTable paths_;
  std::vector<std::uint32_t> file_at_;  // by path; kNoFile
  std::vector<FileState> files_;
};

}  // namespace auspex::change
