#include "lib/port/url.h"

#include <curl/curl.h>

#include <memory>

namespace sluice::port {

namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

Url parsed(const std::string& text) {
  Url url(curl_url());
  return curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) == CURLUE_OK ? std::move(url)
                                                                              : Url{};
}

// Empty when the URL has no such part.
std::string part(const Url& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, flags) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

BaseUrl base_of(const Url& url) {
  BaseUrl base{part(url, CURLUPART_SCHEME), part(url, CURLUPART_HOST),
               part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT), part(url, CURLUPART_PATH)};
  while (base.prefix.ends_with('/')) base.prefix.pop_back();
  return base;
}

bool has_login(const Url& url) {
  return !part(url, CURLUPART_USER).empty() || !part(url, CURLUPART_PASSWORD).empty();
}

}  // namespace

Result<BaseUrl> parse_base_url(std::string_view text) {
  // What is wrong may hold a secret (a login, an API key): it is not repeated.
  const auto wrong = [](std::string_view why) {
    return Error{Trouble::kSettings, "url: " + std::string(why)};
  };
  const Url url = parsed(std::string(text));
  if (!url) return wrong("is no URL");
  const BaseUrl base = base_of(url);
  if (base.scheme != "http" && base.scheme != "https") return wrong("must be http or https");
  if (has_login(url)) return wrong("has a login: use credential = \"secret://...\"");
  if (!part(url, CURLUPART_QUERY).empty() || !part(url, CURLUPART_FRAGMENT).empty()) {
    return wrong("has a query or a fragment");
  }
  return base;
}

Result<std::string> join_url(const BaseUrl& base, std::string_view path) {
  const Error left{Trouble::kInvalid, "path"};
  std::string text = base.scheme + "://" + base.host + ":" + base.port + base.prefix;
  text += path;
  const Url url = parsed(text);
  if (!url || has_login(url)) return left;
  const BaseUrl joined = base_of(url);
  if (joined.scheme != base.scheme || joined.host != base.host || joined.port != base.port) {
    return left;
  }
  const std::string where = part(url, CURLUPART_PATH);
  if (!where.starts_with(base.prefix + "/")) return left;
  std::string whole = part(url, CURLUPART_URL);
  if (whole.empty()) return left;
  return whole;
}

}  // namespace sluice::port
