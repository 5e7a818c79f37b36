#include "ingest/openapi.h"

namespace sluice::ingest {

namespace {

constexpr std::string_view kSchemas = R"json(
"State":{"enum":["accepted","waiting","delivered","dead","expired","cancelled"]},
"Time":{"type":"string","pattern":"^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}Z$"},
"Span":{"type":"number","minimum":0},
"Document":{"description":"Any JSON; settings say where id and key are."},
"Why":{"enum":["unknown","none","not_before","backoff","behind","in_flight","window_full","pacing",
  "paused","penalty","breaker","closure","upstream_full","no_dispatcher","store_down",
  "auditor_away","underway","clock_unsure","unloaded"]},
"Problem":{"type":"object","required":["status","title"],"additionalProperties":false,"properties":{
  "status":{"type":"integer","minimum":400,"maximum":599},"title":{"type":"string"},
  "detail":{"type":"string"},"field":{"type":"string"}}},
"Message":{"type":"object","required":["id","key","upstream","state","accepted_at"],
  "additionalProperties":false,"properties":{
  "id":{"type":"string","minLength":1},"key":{"type":"string","minLength":1},
  "upstream":{"type":"string","minLength":1},"state":{"$ref":"#/components/schemas/State"},
  "cancelled":{"type":"boolean"},"generation":{"type":"integer","minimum":1},
  "accepted_at":{"$ref":"#/components/schemas/Time"},
  "expires_at":{"$ref":"#/components/schemas/Time"},
  "why":{"$ref":"#/components/schemas/Why"},"position":{"type":"integer","minimum":0},
  "expected_at":{"$ref":"#/components/schemas/Time"},
  "expected_in":{"$ref":"#/components/schemas/Span"},
  "settled_at":{"$ref":"#/components/schemas/Time"},"attempts":{"type":"integer","minimum":0},
  "last_status":{"type":"integer","minimum":100,"maximum":999},"reason":{"type":"string"}}},
"DeadLetter":{"type":"object","required":["id","state","settled_at","attempts","reason"],
  "additionalProperties":false,"properties":{
  "id":{"type":"string"},"key":{"type":"string"},"upstream":{"type":"string"},
  "state":{"const":"dead"},"generation":{"type":"integer","minimum":1},
  "settled_at":{"$ref":"#/components/schemas/Time"},"attempts":{"type":"integer","minimum":0},
  "last_status":{"type":"integer","minimum":100,"maximum":999},"reason":{"type":"string"}}},
"Reply":{"type":"object","required":["type","id","key","upstream","state","accepted_at",
  "settled_at","attempts"],"additionalProperties":false,"properties":{
  "type":{"const":"message.settled"},"id":{"type":"string"},"key":{"type":"string"},
  "upstream":{"type":"string"},"state":{"enum":["delivered","dead","expired","cancelled"]},
  "generation":{"type":"integer","minimum":1},"accepted_at":{"$ref":"#/components/schemas/Time"},
  "settled_at":{"$ref":"#/components/schemas/Time"},"attempts":{"type":"integer","minimum":0},
  "last_status":{"type":"integer","minimum":100,"maximum":999},"reason":{"type":"string"},
  "answer":{"type":"object","required":["encoding","body"],"additionalProperties":false,
    "properties":{"encoding":{"enum":["text","base64"]},"body":{"type":"string"}}}}},
"MessageList":{"type":"object","required":["messages"],"additionalProperties":false,"properties":{
  "messages":{"type":"array","items":{"anyOf":[{"$ref":"#/components/schemas/Message"},
    {"$ref":"#/components/schemas/DeadLetter"}]}},
  "next":{"type":"string"}}},
"MessageLine":{"type":"object","required":["status","line"],"properties":{
  "status":{"type":"integer","minimum":200,"maximum":599},"line":{"type":"integer","minimum":1},
  "id":{"type":"string"},"state":{"$ref":"#/components/schemas/State"},
  "retry_after":{"type":"integer","minimum":1},"title":{"type":"string"},
  "detail":{"type":"string"},"field":{"type":"string"}}},
"Cost":{"type":"object","required":["event_id","provider","agent","type","amount"],"properties":{
  "event_id":{"type":"string","minLength":1},"provider":{"type":"string"},
  "agent":{"type":"string"},"type":{"type":"string"},"amount":{"type":["string","number"]},
  "at":{"type":"string","format":"date-time"},"model":{"type":"string"},"units":{"type":"integer"}}},
"CostBooked":{"type":"object","required":["event_id","booked_before"],"additionalProperties":false,
  "properties":{"event_id":{"type":"string","minLength":1},"booked_before":{"type":"boolean"}}},
"CostLine":{"type":"object","required":["status","line"],"properties":{
  "status":{"type":"integer","minimum":200,"maximum":599},"line":{"type":"integer","minimum":1},
  "event_id":{"type":"string"},"booked_before":{"type":"boolean"}}},
"Hold":{"type":"object","required":["kind"],"additionalProperties":false,"properties":{
  "kind":{"enum":["penalty","pause","breaker","closure"]},
  "until":{"$ref":"#/components/schemas/Time"},"by":{"type":"string"}}},
"Key":{"type":"object","required":["key","upstream","waiting","holds"],
  "additionalProperties":false,"properties":{
  "key":{"type":"string","minLength":1},"upstream":{"type":"string","minLength":1},
  "waiting":{"type":"integer","minimum":0},
  "holds":{"type":"array","items":{"$ref":"#/components/schemas/Hold"}},
  "next":{"type":"object","required":["why"],"additionalProperties":false,"properties":{
    "why":{"$ref":"#/components/schemas/Why"},"expected_at":{"$ref":"#/components/schemas/Time"},
    "expected_in":{"$ref":"#/components/schemas/Span"}}},
  "limit":{"type":"object","required":["name","quota","window","remaining","reset_in"],
    "additionalProperties":false,"properties":{
    "name":{"type":"string"},"quota":{"type":"integer","minimum":0},
    "window":{"$ref":"#/components/schemas/Span"},"remaining":{"type":"integer","minimum":0},
    "reset_in":{"$ref":"#/components/schemas/Span"}}}}},
"KeyList":{"type":"object","required":["keys"],"additionalProperties":false,"properties":{
  "keys":{"type":"array","items":{"$ref":"#/components/schemas/Key"}},"next":{"type":"string"}}},
"Upstream":{"type":"object","required":["upstream","holds"],"additionalProperties":false,
  "properties":{"upstream":{"type":"string","minLength":1},
  "holds":{"type":"array","items":{"$ref":"#/components/schemas/Hold"}}}},
"Pause":{"type":"object","additionalProperties":false,"properties":{
  "for":{"type":"integer","minimum":1},"until":{"type":"string"},
  "by":{"type":"string","maxLength":128}}},
"Resume":{"type":"object","additionalProperties":false,"properties":{
  "by":{"type":"string","maxLength":128}}},
"Consume":{"type":"object","required":["amount"],"additionalProperties":false,"properties":{
  "amount":{"type":"integer","minimum":1,"maximum":1000000},
  "by":{"type":"string","maxLength":128}}},
"Consumed":{"type":"object","required":["key","upstream","consumed"],"additionalProperties":false,
  "properties":{"key":{"type":"string","minLength":1},"upstream":{"type":"string","minLength":1},
  "consumed":{"type":"integer","minimum":1}}},
"Limit":{"type":"object","required":["n"],"additionalProperties":false,"properties":{
  "upstream":{"type":"string"},"name":{"type":"string","maxLength":64},
  "kind":{"enum":["rate","concurrency"],"default":"rate"},
  "scope":{"enum":["key","upstream"],"default":"key"},
  "n":{"type":"integer","minimum":1,"maximum":1000000},
  "window":{"type":"string","default":"60s","examples":["250ms","10s","5min","2h","14d"]},
  "burst":{"type":"integer","minimum":1,"maximum":1000000,"default":3},
  "guard":{"type":"string","default":"1s"},"shadow":{"type":"boolean","default":false}}},
"Limits":{"type":"object","required":["upstream","version","limits"],"additionalProperties":false,
  "properties":{"upstream":{"type":"string","minLength":1},
  "version":{"type":"string","pattern":"^[0-9a-f]{16}$"},
  "limits":{"type":"array","minItems":1,"maxItems":32,
    "items":{"$ref":"#/components/schemas/Limit"}},
  "edited_by":{"type":"string"},"edited_at":{"$ref":"#/components/schemas/Time"}}},
"LimitsEdit":{"type":"object","required":["limits"],"additionalProperties":false,"properties":{
  "limits":{"type":"array","minItems":1,"maxItems":32,
    "items":{"$ref":"#/components/schemas/Limit"}},
  "by":{"type":"string","maxLength":128}}},
"OpenApi":{"type":"object","required":["openapi","info","paths"],"properties":{
  "openapi":{"const":"3.1.0"},"info":{"type":"object"},"paths":{"type":"object"}}}
)json";

}  // namespace

std::string_view openapi_parameter(std::string_view name) {
  if (name == "key") {
    return R"({"name":"key","in":"query","description":"Of this key only.",)"
           R"("schema":{"type":"string","maxLength":256}})";
  }
  if (name == "state") {
    return R"({"name":"state","in":"query","description":"Without: what waits, then what ended.",)"
           R"("schema":{"$ref":"#/components/schemas/State"}})";
  }
  if (name == "after") {
    return R"({"name":"after","in":"query","description":"The next of the page before.",)"
           R"("schema":{"type":"string"}})";
  }
  if (name == "limit") {
    return R"({"name":"limit","in":"query","description":"At most so many.",)"
           R"("schema":{"type":"integer","minimum":1,"maximum":500,"default":50}})";
  }
  if (name == "upstream") {
    return R"({"name":"upstream","in":"query","required":true,"description":"Its name.",)"
           R"("schema":{"type":"string","minLength":1,"maxLength":64}})";
  }
  if (name == "If-Match") {
    return R"({"name":"If-Match","in":"header","required":true,"description":)"
           R"("The ETag of the limits that the edit is made from; *: whichever hold.",)"
           R"("schema":{"type":"string"}})";
  }
  if (name == "Prefer") {
    return R"({"name":"Prefer","in":"header","description":"respond-async, or wait=N (RFC 7240).",)"
           R"("schema":{"type":"string"}})";
  }
  return R"({"name":"traceparent","in":"header","description":"W3C Trace Context.",)"
         R"("schema":{"type":"string"}})";
}

std::string_view openapi_schemas() { return kSchemas; }

}  // namespace sluice::ingest
