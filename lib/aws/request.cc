#include "lib/aws/request.h"

#include <algorithm>

namespace sluice::aws {

namespace {

struct Url {
  std::string host;  // with its port, as the header says it
  std::string path;  // without '/' at its end
};

Url parts_of(const std::string& url) {
  const std::size_t begin = url.find("://") + 3;
  const std::size_t slash = std::min(url.find('/', begin), url.size());
  return {url.substr(begin, slash - begin), url.substr(slash)};
}

bool is_form(Protocol protocol) {
  return protocol == Protocol::kQuery || protocol == Protocol::kEc2;
}

std::string form_of(const Request& request, const Service& of) {
  std::vector<NameValue> fields{{"Action", request.operation},
                                {"Version", std::string(of.version)}};
  fields.insert(fields.end(), request.fields.begin(), request.fields.end());
  return query_text(fields);
}

std::string_view content_type(Protocol protocol) {
  switch (protocol) {
    case Protocol::kJson10:
      return "application/x-amz-json-1.0";
    case Protocol::kJson11:
      return "application/x-amz-json-1.1";
    case Protocol::kQuery:
    case Protocol::kEc2:
      return "application/x-www-form-urlencoded; charset=utf-8";
    case Protocol::kRestJson:
      return "application/json";
    case Protocol::kRestXml:
      return "application/octet-stream";
  }
  return {};
}

// How the protocol says what is called, and with what.
UnsignedRequest plain(const Request& request, const Service& of, const std::string& body) {
  UnsignedRequest plain{"POST", "/", {}, request.headers, body};
  const bool has_type = std::any_of(plain.headers.begin(), plain.headers.end(),
                                    [](const auto& one) { return one.first == "content-type"; });
  if (!body.empty() && !has_type) {
    plain.headers.emplace_back("content-type", content_type(of.protocol));
  }
  if (of.protocol == Protocol::kJson10 || of.protocol == Protocol::kJson11) {
    plain.headers.emplace_back("x-amz-target", std::string(of.version) + "." + request.operation);
  } else if (!is_form(of.protocol)) {
    plain.method = request.method;
    plain.path = request.path;
    plain.query = request.fields;
  }
  return plain;
}

}  // namespace

HttpRequest http_request(const Request& request, const Endpoint& endpoint, const Keys& keys,
                         StoreTime at) {
  const Service& of = *request.service;
  std::string body = is_form(of.protocol) ? form_of(request, of) : request.body;
  const Url url = parts_of(endpoint.url);
  UnsignedRequest all = plain(request, of, body);
  all.path = url.path + all.path;

  HttpRequest ready{
      all.method, endpoint.url.substr(0, endpoint.url.size() - url.path.size()), all.headers, {}};
  ready.url += all.path;
  if (!all.query.empty()) ready.url += "?" + query_text(all.query);
  if (request.is_signed) {
    all.headers.emplace_back("host", url.host);
    const auto added = sign(all, keys, {endpoint.region, std::string(of.signing_name)}, at);
    ready.headers.insert(ready.headers.end(), added.begin(), added.end());
  }
  ready.body = std::move(body);
  return ready;
}

}  // namespace sluice::aws
