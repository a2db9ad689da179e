// LogParser: the bytes of `git log -z --raw --numstat`. The first byte chooses the pieces.

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/change/git/log_parser.h"
#include "fuzz/check.h"

namespace {

using auspex::change::Commit;
using auspex::change::git::LogParser;

struct Reading {
  std::vector<Commit> commits;
  bool good = true;
  friend bool operator==(const Reading&, const Reading&) = default;
};

Reading Read(std::string_view log, std::size_t piece) {
  LogParser parser;
  Reading reading;
  while (!log.empty() && reading.good) {
    reading.good = parser.Feed(log.substr(0, piece)).ok();
    log.remove_prefix(std::min(piece, log.size()));
  }
  if (reading.good) reading.good = parser.Finish().ok();
  while (auto commit = parser.Next()) reading.commits.push_back(*std::move(commit));
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string log(data + 1, data + size);
  const Reading whole = Read(log, log.size() + 1);
  AUSPEX_FUZZ_CHECK(Read(log, 1 + data[0] % 32U) == whole, "the pieces decide what is read");
  for (const Commit& commit : whole.commits) {
    AUSPEX_FUZZ_CHECK(commit.message.size() <= LogParser::kTokenBytesMost, "a message too long");
    for (const auto& file : commit.files) {
      AUSPEX_FUZZ_CHECK(file.added >= 0 && file.deleted >= 0, "negative lines");
      AUSPEX_FUZZ_CHECK(file.path.find('\0') == std::string::npos, "a NUL in a path");
    }
  }
  return 0;
}
