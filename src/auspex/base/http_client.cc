#include "auspex/base/http_client.h"

#include <curl/curl.h>
#include <strings.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <ctime>
#include <memory>

namespace auspex {
namespace {

struct FreeEasy {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Easy = std::unique_ptr<CURL, FreeEasy>;
using List = std::unique_ptr<curl_slist, FreeList>;

void InitOnce() {
  static const CURLcode kDone = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(kDone);
}

struct Target {
  std::string place;  // "host:port", for messages: a URL may carry secrets
  bool local = false;
};

std::string Part(CURLU* url, CURLUPart part) {
  char* value = nullptr;
  if (curl_url_get(url, part, &value, CURLU_DEFAULT_PORT) != CURLUE_OK) return "";
  std::string text(value);
  curl_free(value);
  return text;
}

Result<Target> TargetOf(const std::string& url) {
  const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
  const bool scheme = url.starts_with("http://") || url.starts_with("https://");
  if (!scheme || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    // What stands before an @ may be a password.
    const std::string_view shown = std::string_view(url).substr(0, url.find('?'));
    const std::size_t at = shown.rfind('@');
    return Fail(ErrorCode::kInvalidArgument,
                "'{}{}' is not an http or https address, as http://host:port",
                at == std::string_view::npos ? "" : "***",
                at == std::string_view::npos ? shown : shown.substr(at));
  }
  const std::string host = Part(parsed.get(), CURLUPART_HOST);
  const bool local = host == "localhost" || host == "[::1]" || host.starts_with("127.");
  return Target{.place = fmt::format("{}:{}", host, Part(parsed.get(), CURLUPART_PORT)),
                .local = local};
}

// A line break in a header would begin another one.
Status CheckHeaders(const HttpRequest& request) {
  const auto breaks = [](std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
  };
  const bool method =
      !request.method.empty() && std::all_of(request.method.begin(), request.method.end(),
                                             [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!method)
    return Fail(ErrorCode::kInvalidArgument, "an HTTP method has capital letters only, as GET");
  for (const auto& [name, value] : request.headers) {
    if (name.empty() || name.find_first_of(": ") != std::string::npos || breaks(name) ||
        breaks(value)) {
      return Fail(ErrorCode::kInvalidArgument,
                  "a header is empty, or has a line break, or a space or colon in its name");
    }
  }
  if (breaks(request.bearer.Reveal()))
    return Fail(ErrorCode::kInvalidArgument, "the bearer token has a line break");
  return {};
}

struct Transfer {
  HttpResponse response;
  std::size_t max_body_bytes = 0;
  bool too_long = false;
  bool headers_whole = false;
  char detail[CURL_ERROR_SIZE] = {};
};

std::size_t TakeBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  const std::string_view chunk(data, size * count);
  if (transfer->response.body.size() + chunk.size() > transfer->max_body_bytes) {
    transfer->too_long = true;
    return 0;
  }
  transfer->response.body += chunk;
  return chunk.size();
}

std::size_t TakeHeader(char* data, std::size_t size, std::size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  const std::string_view line(data, size * count);
  // After "100 Continue" or a proxy's own answer the real one begins.
  if (line.starts_with("HTTP/")) {
    transfer->response.headers.clear();
    transfer->headers_whole = false;
  }
  if (line == "\r\n" || line == "\n") transfer->headers_whole = true;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || transfer->response.headers.size() >= 200)
    return line.size();
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' '))
    value.remove_suffix(1);
  transfer->response.headers.emplace_back(std::move(name), std::string(value));
  return line.size();
}

long Milliseconds(Duration duration) {
  return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

// curl's options are variadic: the types are the ones its manual names.
void SetOptions(CURL* curl, const HttpRequest& request, const Target& target, curl_slist* headers,
                Transfer* transfer) {
  const long milliseconds = Milliseconds(request.timeout);
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  // A look-up that hangs would else be waited for beyond the deadline.
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
  if (target.local) curl_easy_setopt(curl, CURLOPT_PROXY, "");
  if (request.method == "HEAD") {
    curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);  // or it waits for a body that never comes
  } else {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  if (!request.body.empty() || request.method == "POST" || request.method == "PUT" ||
      request.method == "PATCH") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
  }
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   std::max(1L, std::min(milliseconds, Milliseconds(request.connect_timeout))));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, std::max(1L, milliseconds));
  if (!request.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, request.ca_file.c_str());
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, request.verify_peer ? 1L : 0L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, request.verify_peer ? 2L : 0L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->detail);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &TakeHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
}

// The connection of the last call on this thread is kept: a tick asks the same server again.
CURL* ThreadHandle() {
  thread_local Easy handle;
  if (!handle) handle.reset(curl_easy_init());
  if (handle) curl_easy_reset(handle.get());
  return handle.get();
}

List HeaderLines(const HttpRequest& request) {
  List lines;
  bool typed = false;
  const auto add = [&](const std::string& line) {
    lines.reset(curl_slist_append(lines.release(), line.c_str()));
  };
  for (const auto& [name, value] : request.headers) {
    typed = typed || strcasecmp(name.c_str(), "Content-Type") == 0;
    // curl takes "Name:" for a header to leave out, "Name;" for an empty one.
    add(value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value));
  }
  if (!request.bearer.Reveal().empty()) add("Authorization: Bearer " + request.bearer.Reveal());
  if (!typed) add("Content-Type:");  // curl would call every body a form
  add("Expect:");                    // no second round trip for small bodies
  return lines;
}

// `transfer` stays where it is: curl writes into it.
Status Perform(CURL* curl, const HttpRequest& request, Transfer* transfer) {
  AUSPEX_TRY(const Target target, TargetOf(request.url));
  AUSPEX_TRY(CheckHeaders(request));
  if (curl == nullptr) return Fail(ErrorCode::kInternal, "curl gives no handle");
  if (request.timeout <= Duration::zero())
    return Fail(ErrorCode::kUnavailable, "{}: no time left to ask", target.place);
  const List headers = HeaderLines(request);
  transfer->max_body_bytes = request.max_body_bytes;
  SetOptions(curl, request, target, headers.get(), transfer);
  const CURLcode code = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  transfer->response.status = static_cast<int>(status);
  if (transfer->too_long) {
    return Fail(ErrorCode::kInvalidArgument, "{} answers with more than {} bytes", target.place,
                request.max_body_bytes);
  }
  if (code != CURLE_OK) {
    return Fail(ErrorCode::kUnavailable, "{}: {}", target.place,
                transfer->detail[0] != 0 ? transfer->detail : curl_easy_strerror(code));
  }
  // To curl a connection that ends there is an answer without a body.
  if (!transfer->headers_whole) {
    return Fail(ErrorCode::kUnavailable, "{}: the answer ends within its headers", target.place);
  }
  return {};
}

bool WorthAsking(const Result<HttpResponse>& answer) {
  if (!answer.ok()) return answer.error().code == ErrorCode::kUnavailable;
  return answer->status == 429 || answer->status == 502 || answer->status == 503 ||
         answer->status == 504;
}

// What Retry-After asks for (RFC 9110, 10.2.3): seconds or a date. Zero where it is absent or makes
// no sense.
Duration AskedToWait(const Result<HttpResponse>& answer, const Clock& clock) {
  constexpr std::int64_t kLongest = 86'400;
  const std::string text = answer.ok() ? answer->Header("retry-after") : "";
  if (text.empty()) return Duration::zero();
  std::int64_t seconds = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failed != std::errc() || end != text.data() + text.size()) {
    const time_t date = curl_getdate(text.c_str(), nullptr);
    if (date == -1) return Duration::zero();
    seconds = static_cast<std::int64_t>(date) - MicrosSinceEpoch(clock.Wall()) / 1'000'000;
  }
  return std::chrono::seconds(std::clamp<std::int64_t>(seconds, 0, kLongest));
}

}  // namespace

std::string HttpResponse::Header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return "";
}

Result<HttpResponse> SendHttp(const HttpRequest& request) {
  InitOnce();
  Transfer transfer;
  AUSPEX_TRY(Perform(ThreadHandle(), request, &transfer));
  return std::move(transfer.response);
}

Result<HttpResponse> SendWithRetry(const HttpSend& send, HttpRequest request,
                                   const RetryPlan& plan) {
  const Duration timeout = request.timeout;
  Duration wait = plan.first_wait;
  for (int attempt = 1;; ++attempt) {
    const Duration left = plan.deadline - plan.clock->Now();
    if (left <= Duration::zero()) return Fail(ErrorCode::kUnavailable, "no time left to ask");
    request.timeout = std::min(timeout, left);
    Result<HttpResponse> answer = send(request);
    if (attempt >= plan.attempts || !WorthAsking(answer)) return answer;
    const Duration drawn = FromSeconds(Seconds(wait) * (0.5 + 0.5 * plan.random->Uniform()));
    const Duration pause = std::max(drawn, AskedToWait(answer, *plan.clock));
    if (plan.clock->Now() + pause >= plan.deadline) return answer;
    plan.sleep(pause);
    wait = std::min(2 * wait, plan.longest_wait);
  }
}

std::string PercentEncode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace auspex
