#include "auspex/api/tls.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include "auspex/api/beast/tls_context.h"

namespace auspex::api {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

// OpenSSL's words for a file that is not there are about its own parts.
Status CheckReadable(const std::string& what, const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    ::close(file);
    return {};
  }
  const int why = errno;
  const ErrorCode code = why == ENOENT   ? ErrorCode::kNotFound
                         : why == EACCES ? ErrorCode::kPermissionDenied
                                         : ErrorCode::kInvalidArgument;
  return Fail(code, "the {} '{}' cannot be read: {}", what, path,
              std::generic_category().message(why));
}

// HTTP/1.1 where the client offers it; a client that offers other protocols only is told so by the
// alert.
int ChooseProtocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* offered, unsigned int offered_size, void* /*user*/) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kOurs, sizeof kOurs - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<WallTime> EndOf(SSL_CTX* context, const std::string& path) {
  const X509* certificate = SSL_CTX_get0_certificate(context);
  std::tm end{};
  if (certificate == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1) {
    return Fail(ErrorCode::kInvalidArgument, "the certificate '{}' does not say when it ends",
                path);
  }
  return FromMicros(static_cast<std::int64_t>(::timegm(&end)) * 1'000'000);
}

}  // namespace

TlsIdentity::TlsIdentity(std::unique_ptr<Context> context, WallTime ends_at)
    : context_(std::move(context)), ends_at_(ends_at) {}

TlsIdentity::~TlsIdentity() = default;

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::Load(const TlsFiles& files) {
  AUSPEX_TRY(CheckReadable("certificate", files.certificate));
  AUSPEX_TRY(CheckReadable("key", files.key));
  auto context = std::make_unique<Context>();
  ssl::context& tls = context->value;
  error_code error;
  tls.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                      ssl::context::no_sslv3 | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 |
                      SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION,
                  error);
  // Without this OpenSSL asks for a passphrase at the terminal.
  tls.set_password_callback([](std::size_t, ssl::context::password_purpose) { return ""; }, error);
  tls.use_certificate_chain_file(files.certificate, error);
  if (error) {
    return Fail(ErrorCode::kInvalidArgument,
                "the certificate '{}' is not usable: {}; give the server's certificate in PEM, "
                "with those between it and its authority behind it",
                files.certificate, error.message());
  }
  tls.use_private_key_file(files.key, ssl::context::pem, error);
  if (error || SSL_CTX_check_private_key(tls.native_handle()) != 1) {
    return Fail(ErrorCode::kInvalidArgument,
                "the key '{}' is not usable with certificate '{}': {}; give that certificate's "
                "own key in PEM, without a passphrase",
                files.key, files.certificate, error ? error.message() : "they do not match");
  }
  // An idle connection gives its buffers back.
  SSL_CTX_set_mode(tls.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(tls.native_handle(), &ChooseProtocol, nullptr);
  AUSPEX_TRY(const WallTime ends_at, EndOf(tls.native_handle(), files.certificate));
  return std::shared_ptr<const TlsIdentity>(
      std::make_shared<TlsIdentity>(std::move(context), ends_at));
}

}  // namespace auspex::api
