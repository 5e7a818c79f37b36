#include "alerter/routing.h"

#include <algorithm>

namespace sluice::alerter {
namespace {

template <class List, class Value>
bool names(const List& list, const Value& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

std::string label_of(const wire::Alert& alert, const std::string& name) {
  for (const wire::Header& label : alert.labels) {
    if (label.name == name) return label.value;
  }
  return {};
}

}  // namespace

bool takes(const Sink& sink, const wire::Alert& alert) {
  const std::string budget = label_of(alert, "budget");
  return names(sink.severities, alert.severity) && names(sink.kinds, alert.kind) &&
         (budget.empty() || names(sink.budgets, budget));
}

std::vector<std::string> route(const std::vector<Sink>& sinks, const wire::Alert& alert) {
  std::vector<std::string> taking;
  for (const Sink& sink : sinks) {
    if (takes(sink, alert)) taking.push_back(sink.name);
  }
  return taking;
}

std::string group_of(const wire::Alert& alert, const std::vector<std::string>& labels) {
  std::string group = alert.kind;
  for (const std::string& name : labels) group += "\n" + label_of(alert, name);
  return group;
}

}  // namespace sluice::alerter
