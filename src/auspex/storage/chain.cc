#include "auspex/storage/chain.h"

#include <string>

namespace auspex::storage {
namespace {

void AppendNumber(std::string& bytes, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<std::uint8_t>(number >> shift)));
  }
}

void AppendText(std::string& bytes, std::string_view text) {
  AppendNumber(bytes, text.size());
  bytes.append(text);
}

void AppendHash(std::string& bytes, const Sha256& hash) { bytes.append(hash.begin(), hash.end()); }

}  // namespace

Sha256 ChainHash(const Sha256& previous, const ChainLink& link) {
  std::string bytes;
  AppendHash(bytes, previous);
  AppendNumber(bytes, static_cast<std::uint64_t>(link.seq));
  AppendNumber(bytes, static_cast<std::uint64_t>(link.at_us));  // two's complement before 1970
  AppendText(bytes, link.deployment);
  AppendText(bytes, link.kind);
  AppendHash(bytes, link.body_sha256);
  return HashSha256(bytes);
}

}  // namespace auspex::storage
