#include "auspex/base/sha256.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace auspex {
namespace {

// FIPS 180-4 examples (NIST, "SHA256.pdf"), and a million letters a (RFC 6234, test 3).
TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(ToHex(HashSha256("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(ToHex(HashSha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(ToHex(HashSha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(ToHex(HashSha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

RC_GTEST_PROP(Sha256, HexComesBack, (const std::string& text)) {
  const Sha256 hash = HashSha256(text);
  RC_ASSERT(Sha256FromHex(ToHex(hash)) == hash);
}

TEST(Sha256, RefusesWhatIsNoDigest) {
  for (const std::string& bad :
       {std::string(), std::string(63, '0'), std::string(65, '0'), std::string(63, '0') + "g"}) {
    EXPECT_EQ(Sha256FromHex(bad).error().code, ErrorCode::kInvalidArgument) << bad;
  }
  EXPECT_TRUE(Sha256FromHex(std::string(64, 'A')).ok());
}

}  // namespace
}  // namespace auspex
