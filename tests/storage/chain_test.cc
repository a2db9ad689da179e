#include "auspex/storage/chain.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

#include "auspex/storage/audit.h"

namespace auspex::storage {
namespace {

ChainLink First() { return {1, 1'700'000'000'000'000, "d1", "tick", HashSha256(R"({"t_s":10})")}; }

// Computed with Python's hashlib and struct from the formula in ledger.h.
TEST(Chain, HashesAsTheHeaderSays) {
  const Sha256 first = ChainHash(kChainStart, First());
  EXPECT_EQ(ToHex(first), "726265de977f69d16535e2b3506d13273f3156e84e8121196aac7b34c2e05a33");
  const Sha256 second = ChainHash(first, {2, -1, "", "note", HashSha256("{}")});
  EXPECT_EQ(ToHex(second), "6c505298a378217b9e32dc12d817089a4a4ff4e2506aa3384fb58caf9ec90733");
}

TEST(Chain, TellsEveryFieldApart) {
  const Sha256 whole = ChainHash(kChainStart, First());
  ChainLink link = First();
  link.seq = 2;
  EXPECT_NE(ChainHash(kChainStart, link), whole);
  link = First();
  link.at_us += 1;
  EXPECT_NE(ChainHash(kChainStart, link), whole);
  link = First();
  link.body_sha256[31] ^= 1;
  EXPECT_NE(ChainHash(kChainStart, link), whole);
  Sha256 other_start = kChainStart;
  other_start[0] = 1;
  EXPECT_NE(ChainHash(other_start, First()), whole);
}

// Without the lengths, ("ab", "c") and ("a", "bc") would hash alike.
RC_GTEST_PROP(Chain, DependsOnWhereTheTextsAreCut, ()) {
  const auto text = *rc::gen::nonEmpty<std::string>();
  const auto size = static_cast<int>(text.size()) + 1;
  const auto cut = static_cast<std::size_t>(*rc::gen::inRange(0, size));
  const auto other = static_cast<std::size_t>(*rc::gen::inRange(0, size));
  const auto hash = [&](std::size_t at) {
    const std::string_view view = text;
    return ChainHash(kChainStart, {1, 0, view.substr(0, at), view.substr(at), Sha256{}});
  };
  RC_ASSERT((hash(cut) == hash(other)) == (cut == other));
}

TEST(ChainWalk, EndsWhereTheHeadIs) {
  const Sha256 hash = ChainHash(kChainStart, First());
  ChainWalk walk;
  ASSERT_FALSE(walk.Take({First(), R"({"t_s":10})", hash}));
  EXPECT_FALSE(ChainWalk(walk).Finish(1, hash));
  const auto missing = ChainWalk(walk).Finish(57, hash);
  EXPECT_EQ(missing, "entry 2 is missing: the head says 57");
  ChainWalk behind = walk;
  EXPECT_TRUE(behind.Finish(0, kChainStart));
  EXPECT_EQ(behind.seq(), 1);
  ChainWalk other = walk;
  EXPECT_TRUE(other.Finish(1, kChainStart));
  EXPECT_EQ(other.seq(), 1);
}

}  // namespace
}  // namespace auspex::storage
