// FrameSplitter: the bytes of the proxy's log feed. The first byte of an input chooses the chunks.

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auspex/telemetry/sources/proxy_log_parser.h"
#include "fuzz/check.h"

namespace {

using auspex::telemetry::FrameSplitter;

struct Split {
  std::vector<std::string> frames;
  std::int64_t malformed = 0;
  std::size_t left = 0;
  friend bool operator==(const Split&, const Split&) = default;
};

void Take(FrameSplitter& splitter, Split& split) {
  while (const auto frame = splitter.Next()) split.frames.emplace_back(*frame);
  split.malformed = splitter.malformed();
  split.left = splitter.buffered_bytes();
}

Split Whole(std::string_view stream) {
  FrameSplitter splitter;
  Split split;
  splitter.Append(stream);
  Take(splitter, split);
  return split;
}

// Chunks of 1 to 16 bytes, by a linear congruential generator (Numerical Recipes' constants).
Split InChunks(std::string_view stream, std::uint32_t seed) {
  // What a splitter may hold once all frames are taken: one that is not whole, with its length.
  constexpr std::size_t kMost = FrameSplitter::kMaxFrameBytes + 8;
  FrameSplitter splitter;
  Split split;
  while (!stream.empty()) {
    seed = seed * 1664525U + 1013904223U;
    const std::string_view chunk = stream.substr(0, 1 + (seed >> 28U));
    splitter.Append(chunk);
    stream.remove_prefix(chunk.size());
    Take(splitter, split);
    AUSPEX_FUZZ_CHECK(split.left <= kMost, fmt::format("{} bytes held", split.left));
  }
  return split;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(data + 1, data + size);
  const Split whole = Whole(bytes);
  AUSPEX_FUZZ_CHECK(InChunks(bytes, data[0]) == whole, "the chunks decide what the frames are");

  std::string printed;
  for (const std::string& frame : whole.frames) {
    AUSPEX_FUZZ_CHECK(frame.starts_with('<'), frame);
    AUSPEX_FUZZ_CHECK(frame.size() <= FrameSplitter::kMaxFrameBytes, "a frame beyond the limit");
    printed += fmt::format("{} {}", frame.size(), frame);
  }
  AUSPEX_FUZZ_CHECK((Whole(printed) == Split{whole.frames, 0, 0}), "frames do not print back");
  return 0;
}
