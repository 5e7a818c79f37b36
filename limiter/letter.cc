#include "limiter/letter.h"

#include <cstring>

#include "lib/base/check.h"

namespace sluice::limiter {

namespace {

using Length = std::uint16_t;

std::size_t room_for(std::string_view text) { return sizeof(Length) + text.size(); }

void put(std::string& bytes, std::string_view text) {
  CHECK(text.size() <= UINT16_MAX);
  const auto length = static_cast<Length>(text.size());
  bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  bytes.append(text);
}

// Takes the first field off `rest`.
std::string_view take(std::string_view& rest) {
  if (rest.empty()) return {};
  Length length = 0;
  std::memcpy(&length, rest.data(), sizeof length);
  const std::string_view text = rest.substr(sizeof length, length);
  rest.remove_prefix(sizeof length + length);
  return text;
}

template <class Each>
void each_field(const wire::Offer& offer, Each each) {
  each(offer.content_hash);
  each(offer.id);
  each(offer.source);
  each(offer.store);
  each(offer.traceparent);
  each(offer.request.method);
  each(offer.request.path);
  for (const wire::Header& header : offer.request.headers) {
    each(header.name);
    each(header.value);
  }
}

}  // namespace

Letter::Letter(const wire::Offer& offer)
    : headers_(static_cast<std::uint32_t>(offer.request.headers.size())) {
  std::size_t size = offer.request.body.size();
  each_field(offer, [&](std::string_view text) { size += room_for(text); });
  bytes_.reserve(size);
  each_field(offer, [&](std::string_view text) { put(bytes_, text); });
  bytes_.append(offer.request.body);
}

std::string_view Letter::field(std::size_t number) const {
  std::string_view rest = bytes_;
  for (; number > 0; --number) take(rest);
  return take(rest);
}

std::string_view Letter::bare_path() const {
  const std::string_view path = field(kPath);
  return path.substr(0, path.find('?'));
}

wire::Request Letter::request() const {
  std::string_view rest = bytes_;
  for (std::size_t before = 0; before + 2 < kHeaders; ++before) take(rest);
  wire::Request request;
  request.method = take(rest);
  request.path = take(rest);
  request.headers.reserve(headers_);
  for (std::uint32_t i = 0; i < headers_; ++i) {
    const std::string_view name = take(rest);
    request.headers.push_back({std::string(name), std::string(take(rest))});
  }
  request.body = rest;
  return request;
}

}  // namespace sluice::limiter
