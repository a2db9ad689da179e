#pragma once

#include <boost/asio/ssl/context.hpp>

#include "auspex/api/tls.h"

namespace auspex::api {

struct TlsIdentity::Context {
  boost::asio::ssl::context value{boost::asio::ssl::context::tls_server};
};

}  // namespace auspex::api
