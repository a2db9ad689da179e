#include "auspex/cli/client.h"

#include <pwd.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "auspex/api/wire.h"
#include "auspex/base/http_client.h"

namespace auspex::cli {
namespace {

using nlohmann::json;

ErrorCode CodeOf(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    default:
      return status < 500 ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable;
  }
}

std::string DetailOf(const std::string& server, const HttpResponse& response) {
  const json problem = json::parse(response.body, nullptr, false);
  if (!problem.is_object())
    return fmt::format(
        "{} answers with status {}, and not as a daemon of Auspex does; name yours with --server",
        server, response.status);
  std::string text =
      problem.value("detail", problem.value("title", fmt::format("status {}", response.status)));
  if (problem.contains("errors")) {
    for (const json& error : problem["errors"])
      // An empty pointer is the body as a whole.
      text +=
          fmt::format("\n  {}{}{}", error.value("pointer", ""),
                      error.value("pointer", "").empty() ? "" : ": ", error.value("detail", ""));
  }
  return text;
}

// Whoever sees a token can use it.
Status CheckSecrecy(const ClientOptions& client) {
  constexpr std::string_view kClear = "http://";
  if (client.token.Reveal().empty() || !client.server.starts_with(kClear)) return {};
  const std::string_view authority = std::string_view(client.server)
                                         .substr(kClear.size())
                                         .substr(0, client.server.find('/', 7) - 7);
  if (api::IsLoopbackAuthority(authority)) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "AUSPEX_TOKEN is set, and would go to {} in the clear: use https://, or unset it",
              authority);
}

Failure NoAnswer(const std::string& server, const Error& error) {
  if (error.message.find("certificate") != std::string::npos) {
    return Fail(error.code,
                "the certificate of {} is not to be trusted ({}); if it is your own, name its "
                "authority with --ca-file or AUSPEX_CA",
                server, error.message);
  }
  if (server.starts_with("https://") &&
      error.message.find("wrong version number") != std::string::npos) {
    return Fail(error.code, "{} does not speak TLS ({}); name it as http://…", server,
                error.message);
  }
  return Fail(error.code,
              "no daemon answers at {} ({}); start one with `auspex serve --config auspex.yaml`, "
              "or name it with --server",
              server, error.message);
}

Result<std::string> Call(const ClientOptions& client, HttpRequest request, std::string_view path) {
  std::string server = client.server;
  while (server.ends_with('/')) server.pop_back();
  request.url = server + std::string(path);
  request.timeout = 20s;
  request.bearer = client.token;
  request.ca_file = client.ca_file;
  AUSPEX_TRY(CheckSecrecy(client));
  const Result<HttpResponse> response = SendHttp(request);
  if (!response.ok()) return NoAnswer(server, response.error());
  if (response->status >= 400)
    return Fail(CodeOf(response->status), "{}", DetailOf(server, *response));
  return response->body;
}

}  // namespace

Result<std::string> GetApi(const ClientOptions& client, std::string_view path) {
  return Call(client, {}, path);
}

Result<std::string> PostApi(const ClientOptions& client, std::string_view path, std::string body) {
  return PostBytes(client, path, "application/json", std::move(body));
}

Result<std::string> PostBytes(const ClientOptions& client, std::string_view path,
                              std::string_view content_type, std::string body) {
  HttpRequest request{.method = "POST",
                      .headers = {{"Content-Type", std::string(content_type)}},
                      .body = std::move(body)};
  return Call(client, std::move(request), path);
}

std::string ActorName(const std::string& given) {
  if (!given.empty()) return given;
  char host[256] = "";
  ::gethostname(host, sizeof host - 1);
  const passwd* user =
      ::getpwuid(::getuid());  // NOLINT(concurrency-mt-unsafe): commands have one thread
  return fmt::format("{}@{}", user == nullptr ? fmt::format("{}", ::getuid()) : user->pw_name,
                     host);
}

}  // namespace auspex::cli
