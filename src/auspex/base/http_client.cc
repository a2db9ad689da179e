#include "auspex/base/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
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
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  static_cast<void>(done);
}

// "host:port", for messages: a URL may carry secrets.
Result<std::string> HostOf(const std::string& url) {
  const std::unique_ptr<CURLU, FreeUrl> parsed(curl_url());
  const bool scheme = url.starts_with("http://") || url.starts_with("https://");
  if (!scheme || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return Fail(ErrorCode::kInvalidArgument, "'{}' is not an http or https address", url.substr(0, url.find('?')));
  }
  std::string text;
  for (const CURLUPart part : {CURLUPART_HOST, CURLUPART_PORT}) {
    char* value = nullptr;
    if (curl_url_get(parsed.get(), part, &value, CURLU_DEFAULT_PORT) == CURLUE_OK) {
      text += (text.empty() ? "" : ":") + std::string(value);
      curl_free(value);
    }
  }
  return text;
}

struct Transfer {
  HttpResponse response;
  std::size_t max_body_bytes = 0;
  bool too_long = false;
  bool stopped = false;
  CURL* handle = nullptr;
  const std::function<bool(std::string_view)>* take = nullptr;
};

std::size_t TakeBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  const std::string_view chunk(data, size * count);
  long status = 0;
  curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
  if (transfer->take != nullptr && status == 200) {
    transfer->stopped = !(*transfer->take)(chunk);
    return transfer->stopped ? 0 : chunk.size();
  }
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
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || transfer->response.headers.size() >= 200) return line.size();
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::string_view value = line.substr(colon + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  while (!value.empty() && (value.back() == '\r' || value.back() == '\n' || value.back() == ' ')) value.remove_suffix(1);
  transfer->response.headers.emplace_back(std::move(name), std::string(value));
  return line.size();
}

// curl's options are variadic: the types are the ones its manual names.
void SetOptions(CURL* curl, const HttpRequest& request, curl_slist* headers, Transfer* transfer, bool streaming) {
  const auto milliseconds = static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(request.timeout).count());
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "127.0.0.1,localhost,::1");
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  if (!request.body.empty() || request.method == "POST") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, std::max(1L, milliseconds));
  if (streaming) {
    // Slower than one byte a second for that long is silence.
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, std::max(1L, milliseconds / 1000));
  } else {
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, std::max(1L, milliseconds));
  }
  if (!request.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, request.ca_file.c_str());
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

Result<Transfer> Perform(const HttpRequest& request, const std::function<bool(std::string_view)>* take) {
  InitOnce();
  AUSPEX_TRY(const std::string host, HostOf(request.url));
  CURL* curl = ThreadHandle();
  if (curl == nullptr) return Fail(ErrorCode::kInternal, "curl gives no handle");
  List headers;
  const auto add = [&](const std::string& line) { headers.reset(curl_slist_append(headers.release(), line.c_str())); };
  for (const auto& [name, value] : request.headers) add(name + ": " + value);
  if (!request.bearer.Reveal().empty()) add("Authorization: Bearer " + request.bearer.Reveal());
  add("Expect:");  // no second round trip for small bodies
  Transfer transfer;
  transfer.max_body_bytes = request.max_body_bytes;
  transfer.handle = curl;
  transfer.take = take;
  SetOptions(curl, request, headers.get(), &transfer, take != nullptr);
  const CURLcode code = curl_easy_perform(curl);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  transfer.response.status = static_cast<int>(status);
  if (transfer.too_long) return Fail(ErrorCode::kInvalidArgument, "{} answers with more than {} bytes", host, request.max_body_bytes);
  if (code != CURLE_OK && !transfer.stopped) return Fail(ErrorCode::kUnavailable, "{}: {}", host, curl_easy_strerror(code));
  return transfer;
}

}  // namespace

std::string HttpResponse::Header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return "";
}

Result<HttpResponse> SendHttp(const HttpRequest& request) {
  AUSPEX_TRY(Transfer transfer, Perform(request, nullptr));
  return std::move(transfer.response);
}

Status StreamHttp(const HttpRequest& request, const std::function<bool(std::string_view)>& take) {
  AUSPEX_TRY(const Transfer transfer, Perform(request, &take));
  if (transfer.response.status == 200) return {};
  return Fail(ErrorCode::kUnavailable, "status {}: {}", transfer.response.status, transfer.response.body.substr(0, 200));
}

}  // namespace auspex
