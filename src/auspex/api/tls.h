#pragma once

#include <memory>
#include <string>

#include "auspex/base/clock.h"
#include "auspex/base/result.h"

namespace auspex::api {

// PEM files: the server's certificate with those between it and its authority; the key without a
// passphrase.
struct TlsFiles {
  std::string certificate;
  std::string key;
};

// What a server proves itself with. Immutable and thread-safe: connections share one, and keep it
// when the server goes on to another. TLS 1.2 and 1.3, no renegotiation, HTTP/1.1 by ALPN.
class TlsIdentity {
 public:
  // Errors, each naming the file and the mend: kInvalidArgument (not PEM, a key with a passphrase,
  // a key of another certificate, a certificate that the library finds too weak); kNotFound,
  // kPermissionDenied (the file).
  static Result<std::shared_ptr<const TlsIdentity>> Load(const TlsFiles& files);

  // When the certificate ends. One that has ended is loaded all the same: a controller that does
  // not start for its certificate leaves rollouts alone.
  [[nodiscard]] WallTime ends_at() const { return ends_at_; }

  struct Context;  // of the TLS library
  TlsIdentity(std::unique_ptr<Context> context, WallTime ends_at);
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;
  [[nodiscard]] Context& context() const { return *context_; }

 private:
  std::unique_ptr<Context> context_;
  WallTime ends_at_;
};

}  // namespace auspex::api
