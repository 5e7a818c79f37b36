#include "lib/aws/sigv4.h"

#include <algorithm>
#include <map>

#include "lib/base/ascii.h"
#include "lib/base/calendar.h"
#include "lib/digest/digest.h"

namespace sluice::aws {

namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// "20150830T123600Z"
std::string basic_time(StoreTime at) {
  std::string text = timestamp_of(at).substr(0, 19);  // 2015-08-30T12:36:00
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text + "Z";
}

// RFC 3986, 5.2.4, and no empty segments.
std::string normal_path(std::string_view path) {
  std::vector<std::string_view> kept;
  std::size_t begin = 0;
  while (begin <= path.size()) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view segment = path.substr(begin, end - begin);
    begin = end + 1;
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!segment.empty() && segment != "." && segment != "..") kept.push_back(segment);
  }
  std::string normal;
  for (const std::string_view segment : kept) normal.append("/").append(segment);
  const bool is_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("/..");
  return is_folder || normal.empty() ? normal + "/" : normal;
}

std::string canonical_path(std::string_view path, std::string_view service) {
  return service == "s3" ? std::string(path) : percent_encoded(normal_path(path), true);
}

std::string canonical_query(const std::vector<NameValue>& query) {
  std::vector<NameValue> encoded;
  for (const auto& [name, value] : query) {
    encoded.emplace_back(percent_encoded(name), percent_encoded(value));
  }
  std::sort(encoded.begin(), encoded.end());
  std::string text;
  for (const auto& [name, value] : encoded) {
    text.append(text.empty() ? "" : "&").append(name).append("=").append(value);
  }
  return text;
}

// Without blanks around it, and one for each run of them inside.
std::string squeezed(std::string_view value) {
  std::string text;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank) text.push_back(c);
    if (blank && !text.empty() && text.back() != ' ') text.push_back(' ');
  }
  if (text.ends_with(' ')) text.pop_back();
  return text;
}

// By name; values of one name in the order given.
std::map<std::string, std::string> canonical_headers(const std::vector<NameValue>& headers) {
  std::map<std::string, std::string> found;
  for (const auto& [name, value] : headers) {
    const auto [at, is_new] = found.try_emplace(lower_case(name), squeezed(value));
    if (!is_new) at->second.append(",").append(squeezed(value));
  }
  return found;
}

std::string signed_names(const std::vector<NameValue>& headers) {
  std::string names;
  for (const auto& [name, value] : canonical_headers(headers)) {
    names.append(names.empty() ? "" : ";").append(name);
  }
  return names;
}

std::string hex_sha256(std::string_view bytes) { return to_hex(to_bytes(sha256(bytes))); }

std::string hmac(std::string_view key, std::string_view text) {
  return to_bytes(hmac_sha256(key, text));
}

std::string signature(const Keys& keys, const SigningScope& scope, const std::string& time,
                      std::string_view to_sign) {
  std::string key = "AWS4" + keys.secret_access_key;
  for (const std::string_view part :
       {std::string_view(time).substr(0, 8), std::string_view(scope.region),
        std::string_view(scope.service), std::string_view("aws4_request")}) {
    key = hmac(key, part);
  }
  return to_hex(hmac(key, to_sign));
}

}  // namespace

std::string percent_encoded(std::string_view text, bool keep_slash) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (is_unreserved(c) || (keep_slash && c == '/')) {
      encoded.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded.append({'%', kHex[byte / 16], kHex[byte % 16]});
  }
  return encoded;
}

std::string query_text(const std::vector<NameValue>& query) {
  std::string text;
  for (const auto& [name, value] : query) {
    text.append(text.empty() ? "" : "&").append(percent_encoded(name)).append("=");
    text.append(percent_encoded(value));
  }
  return text;
}

std::string canonical_request(const UnsignedRequest& request, std::string_view service) {
  std::string text = request.method + "\n" + canonical_path(request.path, service) + "\n" +
                     canonical_query(request.query) + "\n";
  for (const auto& [name, value] : canonical_headers(request.headers)) {
    text.append(name).append(":").append(value).append("\n");
  }
  return text + "\n" + signed_names(request.headers) + "\n" + hex_sha256(request.body);
}

std::vector<NameValue> sign(const UnsignedRequest& request, const Keys& keys,
                            const SigningScope& scope, StoreTime at) {
  const std::string time = basic_time(at);
  std::vector<NameValue> added{{"x-amz-date", time}};
  if (!keys.session_token.empty()) added.emplace_back("x-amz-security-token", keys.session_token);
  if (scope.service == "s3") added.emplace_back("x-amz-content-sha256", hex_sha256(request.body));

  UnsignedRequest whole = request;
  whole.headers.insert(whole.headers.end(), added.begin(), added.end());
  const std::string of =
      time.substr(0, 8) + "/" + scope.region + "/" + scope.service + "/aws4_request";
  const std::string to_sign = std::string(kAlgorithm) + "\n" + time + "\n" + of + "\n" +
                              hex_sha256(canonical_request(whole, scope.service));
  added.emplace_back("authorization", std::string(kAlgorithm) +
                                          " Credential=" + keys.access_key_id + "/" + of +
                                          ", SignedHeaders=" + signed_names(whole.headers) +
                                          ", Signature=" + signature(keys, scope, time, to_sign));
  return added;
}

}  // namespace sluice::aws
