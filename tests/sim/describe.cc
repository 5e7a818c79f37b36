#include "tests/sim/describe.h"

#include <variant>

#include "tests/sim/trace.h"

namespace sluice::sim {
namespace {

std::string name(const wire::Attempt& attempt) {
  return Trace::hex(attempt.identity) + "/" + std::to_string(attempt.serial);
}
std::string number(auto value) { return std::to_string(static_cast<std::int64_t>(value)); }

struct Describe {
  std::string operator()(const wire::Offer& m) const {
    return m.key + " " + Trace::hex(m.identity) +
           (m.origin == wire::Origin::kRow ? " row" : " copy");
  }
  std::string operator()(const wire::Moved& m) const { return m.key; }
  std::string operator()(const wire::Word& m) const {
    return m.key + " until " + number(m.hold.until.us) + " said " + number(m.hold.said_at.us);
  }
  std::string operator()(const wire::Parked& m) const { return m.key + " " + number(m.count); }
  std::string operator()(const wire::Rows& m) const {
    return m.key + " " + number(m.count) + (m.more ? " more" : "");
  }
  std::string operator()(const wire::Quote& m) const { return m.key + " ahead " + number(m.ahead); }
  std::string operator()(const wire::Quoted& m) const {
    return "position " + number(m.position) + " in " + number((m.departs_at - m.now).us);
  }
  std::string operator()(const wire::Forgotten& m) const { return Trace::hex(m.identity); }
  std::string operator()(const wire::Settled& m) const {
    return Trace::hex(m.identity) + " " + number(m.settlement);
  }
  std::string operator()(const wire::Park& m) const {
    return m.key + " " + Trace::hex(m.identity) + " why " + number(m.why) + " due " +
           number(m.due.us);
  }
  std::string operator()(const wire::Want& m) const { return m.key + " " + number(m.count); }
  std::string operator()(const wire::Dispatch& m) const { return m.key + " " + name(m.attempt); }
  std::string operator()(const wire::Asked& m) const { return name(m.attempt); }
  std::string operator()(const wire::Completed& m) const { return name(m.attempt); }
  std::string operator()(const wire::Outcome& m) const {
    return name(m.attempt) + " ended " + number(m.ended) + " why " + number(m.not_started);
  }
  std::string operator()(const wire::Penalty& m) const { return m.key; }
  std::string operator()(const wire::Recall& m) const { return m.key; }
  std::string operator()(const wire::Record& m) const {
    return Trace::hex(m.identity) + "/" + number(m.serial) + " ended " + number(m.ended) +
           " settlement " + number(m.settlement);
  }
  template <class Other>
  std::string operator()(const Other&) const {
    return {};
  }
};

}  // namespace

std::string describe(const wire::Item& item) { return std::visit(Describe{}, item); }

}  // namespace sluice::sim
