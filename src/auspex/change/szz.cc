#include "auspex/change/szz.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "auspex/change/file_kind.h"

namespace auspex::change {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }
bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// How a language writes a comment to the end of the line; whether it has /* … */.
struct Comments {
  std::string_view line;
  bool block = false;
};

Comments CommentsOf(std::string_view path) {
  const auto name =
      path.substr(path.rfind('/') == std::string_view::npos ? 0 : path.rfind('/') + 1);
  const auto dot = name.rfind('.');
  const auto extension = dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
  constexpr std::array<std::string_view, 26> kHash = {
      "py",  "pyx", "rb",    "pl",         "pm",  "sh",   "bash", "zsh",  "fish",
      "r",   "jl",  "ex",    "exs",        "yml", "yaml", "toml", "conf", "cfg",
      "ini", "tcl", "cmake", "properties", "mk",  "nix",  "tf",   "am"};
  constexpr std::array<std::string_view, 6> kDashes = {"sql", "lua", "hs", "elm", "adb", "vhd"};
  constexpr std::array<std::string_view, 6> kSemicolons = {"lisp", "el",  "clj",
                                                           "cljs", "scm", "asm"};
  constexpr std::array<std::string_view, 3> kPercents = {"erl", "hrl", "tex"};
  const auto among = [extension](const auto& known) {
    return std::find(known.begin(), known.end(), extension) != known.end();
  };
  if (among(kHash)) return {"#", false};
  if (among(kDashes)) return {"--", extension == "sql"};
  if (among(kSemicolons)) return {";", false};
  if (among(kPercents)) return {"%", false};
  return {"//", true};
}

// The code of one line after another: without white space and comments. A block comment that began
// in an earlier line of the same hunk is known; one that began before the hunk is told by the
// asterisk in front of its lines.
class CodeReader {
 public:
  explicit CodeReader(Comments comments) : comments_(comments) {}

  std::string Read(std::string_view line) {
    std::string code;
    std::size_t at = 0;
    while (at < line.size() && IsSpace(line[at])) ++at;
    if (comments_.block && !in_block_ && LooksLikeInsideBlock(line.substr(at))) return code;
    char quote = 0;
    for (; at < line.size(); ++at) {
      const char c = line[at];
      const auto rest = line.substr(at);
      if (in_block_) {
        if (rest.starts_with("*/")) {
          in_block_ = false;
          ++at;
        }
        continue;
      }
      if (quote != 0) {
        code += c;
        if (c == '\\' && at + 1 < line.size()) {
          code += line[++at];
        } else if (c == quote) {
          quote = 0;
        }
        continue;
      }
      if (rest.starts_with(comments_.line)) break;
      if (comments_.block && rest.starts_with("/*")) {
        in_block_ = true;
        ++at;
        continue;
      }
      if (IsSpace(c)) continue;
      if (c == '"' || c == '\'') quote = c;
      code += c;
    }
    return code;
  }

 private:
  // "* text", "*/": not "*pointer = 1".
  bool LooksLikeInsideBlock(std::string_view text) {
    if (text.empty() || text[0] != '*') return false;
    return text.size() == 1 || IsSpace(text[1]) || text[1] == '/';
  }

  Comments comments_;
  bool in_block_ = false;
};

// "#define REDIS_VERSION "0.091"": each release replaces it, and no fault comes with it.
bool NamesVersion(std::string_view code) {
  constexpr std::string_view kWord = "version";
  const auto word = std::search(code.begin(), code.end(), kWord.begin(), kWord.end(),
                                [](char a, char b) { return (a | 0x20) == b; });
  if (word == code.end()) return false;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  for (std::size_t i = 1; i + 1 < code.size(); ++i) {
    if (code[i] == '.' && is_digit(code[i - 1]) && is_digit(code[i + 1])) return true;
  }
  return false;
}

// Code that says nothing of its own: brackets, keywords alone, imports, versions.
bool IsTrivial(std::string_view code) {
  if (std::none_of(code.begin(), code.end(), IsWordByte) || NamesVersion(code)) return true;
  constexpr std::array<std::string_view, 20> kAlone = {
      "else",  "}else{", "else{",     "else:",   "end",  "endif",   "#endif",
      "#else", "fi",     "done",      "begin",   "do",   "do{",     "break;",
      "break", "pass",   "continue;", "return;", "try{", "default:"};
  if (std::find(kAlone.begin(), kAlone.end(), code) != kAlone.end()) return true;
  constexpr std::array<std::string_view, 5> kImports = {"#include", "import", "using", "package",
                                                        "require("};
  return std::any_of(kImports.begin(), kImports.end(),
                     [code](std::string_view start) { return code.starts_with(start); });
}

bool IsTraced(const FilePatch& file) {
  if (file.old_path.empty()) return false;
  const auto kind = KindOf(file.old_path);
  return kind == FileKind::kSource || kind == FileKind::kConfig || kind == FileKind::kMigration;
}

struct HunkCode {
  const Hunk* hunk = nullptr;
  std::vector<std::string> removed;
  std::vector<std::string> added;
  // What stands there before and after is the same but for its layout and comments.
  bool cosmetic = false;
};

std::vector<std::string> CodeOf(const std::vector<std::string>& lines, Comments comments) {
  CodeReader reader(comments);
  std::vector<std::string> code;
  code.reserve(lines.size());
  for (const auto& line : lines) code.push_back(reader.Read(line));
  return code;
}

HunkCode ReadHunk(const Hunk& hunk, Comments comments) {
  HunkCode code{&hunk, CodeOf(hunk.removed, comments), CodeOf(hunk.added, comments), false};
  std::string before;
  std::string after;
  for (const auto& line : code.removed) before += line;
  for (const auto& line : code.added) after += line;
  code.cosmetic = before == after;
  return code;
}

// How often each line of code is added, over all hunks.
using AddedLines = std::unordered_map<std::string, std::int64_t>;

std::vector<LineRange> RangesOf(const HunkCode& code, AddedLines* moved_to) {
  std::vector<LineRange> ranges;
  if (code.cosmetic) return ranges;
  for (std::size_t i = 0; i < code.removed.size(); ++i) {
    if (IsTrivial(code.removed[i])) continue;
    if (const auto moved = moved_to->find(code.removed[i]);
        moved != moved_to->end() && moved->second > 0) {
      --moved->second;
      continue;
    }
    const auto line = code.hunk->old_line + static_cast<std::int64_t>(i);
    if (!ranges.empty() && ranges.back().last + 1 == line) {
      ranges.back().last = line;
    } else {
      ranges.push_back({line, line});
    }
  }
  return ranges;
}

using ReadFiles = std::vector<std::pair<const FilePatch*, std::vector<HunkCode>>>;

// The lines before and behind what is added. (Behind the last line there is none: blame stops at
// the file's end.)
std::vector<TracedFile> NeighboursOf(const ReadFiles& files) {
  std::vector<TracedFile> traced;
  std::int64_t lines = 0;
  for (const auto& [file, hunks] : files) {
    TracedFile one{file->old_path, {}};
    for (const auto& code : hunks) {
      const auto line = code.hunk->old_line;
      const bool says = !std::all_of(code.added.begin(), code.added.end(), IsTrivial);
      if (!code.removed.empty() || line < 1 || !says) continue;
      // Git's hunks are apart, but two additions may have a line in common.
      const auto first = one.ranges.empty() ? line : std::max(line, one.ranges.back().last + 1);
      if (first > line + 1) continue;
      one.ranges.push_back({first, line + 1});
      lines += line + 2 - first;
    }
    if (!one.ranges.empty()) traced.push_back(std::move(one));
  }
  return lines > kMostFixLines ? std::vector<TracedFile>() : traced;
}

}  // namespace

std::vector<TracedFile> LinesToTrace(std::span<const FilePatch> fix) {
  AddedLines added;
  ReadFiles files;
  for (const auto& file : fix) {
    const auto comments = CommentsOf(file.new_path.empty() ? file.old_path : file.new_path);
    std::vector<HunkCode> hunks;
    for (const auto& hunk : file.hunks) {
      hunks.push_back(ReadHunk(hunk, comments));
      for (const auto& line : hunks.back().added) ++added[line];
    }
    if (IsTraced(file)) files.emplace_back(&file, std::move(hunks));
  }
  if (files.size() > kMostFixFiles) return {};
  std::vector<TracedFile> traced;
  std::int64_t lines = 0;
  for (const auto& [file, hunks] : files) {
    TracedFile one{file->old_path, {}};
    for (const auto& hunk : hunks) {
      for (const auto& range : RangesOf(hunk, &added)) {
        one.ranges.push_back(range);
        lines += range.last - range.first + 1;
      }
    }
    if (!one.ranges.empty()) traced.push_back(std::move(one));
  }
  if (traced.empty()) traced = NeighboursOf(files);
  if (lines > kMostFixLines) return {};
  return traced;
}

}  // namespace auspex::change
