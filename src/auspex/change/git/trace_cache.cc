#include "auspex/change/git/trace_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

namespace auspex::change::git {
namespace {

// Goes up with each change of what LinesToTrace, blame's options or ParseBlame give.
constexpr std::string_view kFileName = "szz-1.txt";
// A million fixes; what is beyond it is traced again.
constexpr std::size_t kBytesMost = std::size_t{256} << 20U;

std::string_view Cut(std::string_view* text, char at) {
  const auto end = std::min(text->find(at), text->size());
  const auto piece = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return piece;
}

std::optional<Blame> ReadBlame(std::string_view text) {
  const auto id = CommitId::FromHex(Cut(&text, ':'));
  std::int64_t lines = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), lines);
  if (!id.ok() || read.ec != std::errc() || read.ptr != text.data() + text.size() || lines < 1) {
    return std::nullopt;
  }
  return Blame{*id, lines};
}

}  // namespace

Result<TraceCache> TraceCache::Open(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return Fail(ErrorCode::kPermissionDenied, "the cache folder {} cannot be made: {}", folder,
                error.message());
  }
  const std::string path = fmt::format("{}/{}", folder, kFileName);
  TraceCache cache;
  cache.file_ = Fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!cache.file_.valid()) {
    return Fail(ErrorCode::kPermissionDenied, "{} cannot be written: {}", path,
                std::error_code(errno, std::generic_category()).message());
  }
  std::string text;
  std::array<char, 65536> buffer{};
  while (text.size() < kBytesMost) {
    const auto got = ::read(cache.file_.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  // The last line of a run that was killed; the next one must not go on with it.
  if (!text.empty() && text.back() != '\n') {
    if (::write(cache.file_.get(), "\n", 1) != 1) cache.file_.Reset();
  }
  cache.Load(text);
  return cache;
}

void TraceCache::Load(std::string_view text) {
  while (text.find('\n') != std::string_view::npos) {
    auto line = Cut(&text, '\n');
    // The last byte says that the line is whole.
    if (!line.ends_with(" .")) continue;
    line.remove_suffix(2);
    const auto fix = CommitId::FromHex(Cut(&line, ' '));
    if (!fix.ok()) continue;
    std::vector<Blame> blames;
    bool sound = true;
    while (!line.empty() && sound) {
      const auto blame = ReadBlame(Cut(&line, ' '));
      sound = blame.has_value();
      if (blame) blames.push_back(*blame);
    }
    if (sound) known_.insert_or_assign(*fix, std::move(blames));
  }
}

std::optional<std::vector<Blame>> TraceCache::Find(const CommitId& fix) const {
  const auto found = known_.find(fix);
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

void TraceCache::Add(const CommitId& fix, const std::vector<Blame>& blames) {
  if (!file_.valid()) return;
  std::string line = fix.text();
  for (const auto& blame : blames) line += fmt::format(" {}:{}", blame.origin.text(), blame.lines);
  line += " .\n";
  // One call: several processes append whole lines.
  if (::write(file_.get(), line.data(), line.size()) < 0) file_.Reset();
}

}  // namespace auspex::change::git
