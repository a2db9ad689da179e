#include "auspex/storage/tick_archive.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <zstd.h>

#include <cstddef>
#include <string>
#include <vector>

#include "tests/storage/support.h"

namespace auspex::storage {
namespace {

std::string Frame(const std::string& lines) {
  std::string bytes(ZSTD_compressBound(lines.size()), '\0');
  bytes.resize(ZSTD_compress(bytes.data(), bytes.size(), lines.data(), lines.size(), 1));
  return bytes;
}

RC_GTEST_PROP(TickArchive, GivesBackTheExactTexts, ()) {
  std::vector<ArchivedBody> bodies;
  std::int64_t seq = 0;
  for (int i = *rc::gen::inRange(0, 20); i > 0; --i) {
    seq += *rc::gen::inRange(1, 1000);
    bodies.push_back({seq, *rc::gen::container<std::string>(
                               rc::gen::element('a', '"', '\\', '\n', '\r', '\0', '\x7f', ' '))});
  }
  const auto bytes = WriteTickArchive(bodies);
  RC_ASSERT(bytes.ok());
  RC_ASSERT(WriteTickArchive(bodies) == *bytes);
  const auto read = ReadTickArchive(*bytes);
  RC_ASSERT(read.ok());
  RC_ASSERT(read->size() == bodies.size());
  for (const ArchivedBody& entry : bodies) RC_ASSERT(read->at(entry.seq) == entry.body);
}

TEST(TickArchive, RefusesABodyThatIsNotUtf8) {
  EXPECT_EQ(WriteTickArchive({{7, "\xff"}}).error().code, ErrorCode::kDataLoss);
}

TEST(TickArchive, RefusesWhatItDoesNotWrite) {
  for (const std::string lines :
       {"no JSON\n", "[]\n", "7\n", "{}\n", R"({"seq":1})", R"({"seq":"1","body":""})",
        R"({"seq":1,"body":2})", R"({"seq":1,"body":"cut line"})", "\n"}) {
    const auto read = ReadTickArchive(Frame(lines));
    ASSERT_FALSE(read.ok()) << lines;
    EXPECT_EQ(read.error().code, ErrorCode::kDataLoss) << lines;
  }
  for (const std::string& bytes : {std::string(), std::string("no zstd frame")}) {
    EXPECT_EQ(ReadTickArchive(bytes).error().code, ErrorCode::kDataLoss);
  }
}

TEST(TickArchive, RefusesAFrameThatClaimsMoreThanPackWrites) {
  const std::string bomb = Frame(std::string(std::size_t{200} * 1024 * 1024, ' '));
  const auto read = ReadTickArchive(bomb);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::kDataLoss);
}

TEST(TickArchive, FindsEveryFlippedOrMissingByte) {
  const std::string bytes = WriteTickArchive({{1, "{}"}, {2, R"({"t_s":10})"}}).value();
  testing::MemoryStore objects;
  const Sha256 sha256 = HashSha256(bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string flipped = bytes;
    flipped[i] = static_cast<char>(flipped[i] ^ 0x10);
    ASSERT_TRUE(objects.Put("o", flipped).ok());
    EXPECT_EQ(LoadTickArchive(objects, "o", sha256).error().code, ErrorCode::kDataLoss) << i;
    // Also without the hash nothing may crash.
    static_cast<void>(ReadTickArchive(flipped).ok());
    EXPECT_FALSE(ReadTickArchive(std::string_view(bytes).substr(0, i)).ok()) << i;
  }
  ASSERT_TRUE(objects.Put("o", bytes).ok());
  EXPECT_TRUE(LoadTickArchive(objects, "o", sha256).ok());
}

}  // namespace
}  // namespace auspex::storage
