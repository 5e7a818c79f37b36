// A producer's document -> a message, by the settings' pointers (design 4.5): any JSON will do. By
// default the whole document is sent as it stands, byte for byte, by POST to the upstream's path.
// Nothing that a producer writes may leave its upstream's lane (design 4.6). Pure.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "lib/base/upstream.h"
#include "lib/wire/messages.h"

namespace sluice::ingest {

// Where in a document things are; an empty pointer: the settings decide.
struct Pointers {
  std::string id = "/messageId";
  std::string key = "/userId";
  std::string upstream;
  std::string path;
  std::string method;
  std::string headers;  // an object of strings
  std::string body;     // a string is sent as its text, any other value as it is written
  std::string not_before;
  std::string expires_at;
  std::string priority;
  std::string weight;  // share in fair turns
  std::string cost;    // units of each limit
  std::string reply_to;
};

// What is wrong with a document: an HTTP status, the field's pointer ("" for the whole), why.
struct Refusal {
  int status = 400;
  std::string field;
  std::string why;
  friend bool operator==(const Refusal&, const Refusal&) = default;
};

struct Reading {
  const Pointers& pointers;
  std::span<const Upstream> upstreams;  // not empty; the first one is the default
  StoreTime at;                         // the wall clock
  std::function<std::string()> fresh_id;
  std::span<const std::string> reply_hosts = {};  // where a reply_to may point to
  std::string_view key = {};                      // known already; empty: the document says it
};

// Everything but what the core fills in (Submit).
using ReadDocument = std::variant<wire::Offer, Refusal>;
ReadDocument read_document(std::string_view bytes, const Reading& reading);

// Whose budget a document's message would spend, though it may be no message; empty: not to be
// known.
struct DocumentKey {
  std::string upstream;
  std::string key;
};
DocumentKey key_of_document(std::string_view bytes, const Reading& reading);

// The lane's rules, for whoever makes requests: nothing when they hold.
std::optional<std::string> path_trouble(std::string_view path);
std::optional<std::string> header_trouble(const wire::Header& header, const Upstream& upstream);

// RFC 9562 version 4, of 16 random bytes.
std::string uuid_v4(std::string random);

}  // namespace sluice::ingest
