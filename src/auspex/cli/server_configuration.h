#pragma once

#include "auspex/base/config.h"
#include "auspex/cli/configuration.h"

namespace auspex::cli {

// A document of kind Server; what is wrong is noted in its errors. What listens beyond loopback
// without both TLS and tokens is an error.
void ReadServer(ConfigSection document, ServerConfig* server);

}  // namespace auspex::cli
