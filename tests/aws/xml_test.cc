#include "lib/aws/xml.h"

#include <gtest/gtest.h>

namespace sluice::aws {
namespace {

std::string json_of(std::string_view xml) {
  const auto read = xml_to_json(xml);
  return read.ok() ? *read : read.error().what;
}

TEST(Xml, AnAnswerOfTheQueryProtocol) {
  EXPECT_EQ(
      json_of("<?xml version=\"1.0\"?>\n"
              "<PublishBatchResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\">\n"
              "  <PublishBatchResult>\n"
              "    <Failed/>\n"
              "    <Successful>\n"
              "      <member><Id>a</Id><MessageId>1 &lt; 2</MessageId></member>\n"
              "    </Successful>\n"
              "  </PublishBatchResult>\n"
              "  <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>\n"
              "</PublishBatchResponse>"),
      R"({"PublishBatchResult":{"Failed":null,"Successful":[{"Id":"a","MessageId":"1 < 2"}]},)"
      R"("ResponseMetadata":{"RequestId":"r"}})");
}

TEST(Xml, MapsItemsAndFlatLists) {
  EXPECT_EQ(json_of("<R><Attributes><entry><key>Policy</key><value>{}</value></entry>"
                    "<entry><key>Owner</key><value/></entry></Attributes></R>"),
            R"({"Attributes":{"Owner":null,"Policy":"{}"}})");
  EXPECT_EQ(json_of("<R><vpcSet><item><vpcId>v</vpcId></item></vpcSet></R>"),
            R"({"vpcSet":[{"vpcId":"v"}]})");
  EXPECT_EQ(json_of("<R><C><Key>a</Key></C><C><Key>b</Key></C><D x='1'> t </D></R>"),
            R"({"C":[{"Key":"a"},{"Key":"b"}],"D":" t "})");
  EXPECT_EQ(json_of("<s:R xmlns:s='u'><s:A><![CDATA[<&>]]></s:A></s:R>"), R"({"A":"<&>"})");
}

TEST(Xml, AnErrorOfS3) {
  EXPECT_EQ(json_of("<Error><Code>NoSuchBucket</Code><Message>no</Message></Error>"),
            R"({"Code":"NoSuchBucket","Message":"no"})");
}

TEST(Xml, WhatIsNoAnswer) {
  EXPECT_EQ(json_of(""), "line 1 of the XML answer: no element found");
  EXPECT_EQ(json_of("<A>\n<B></A>"), "line 2 of the XML answer: mismatched tag");
  EXPECT_EQ(json_of("<html><br></html>"), "line 1 of the XML answer: mismatched tag");
  EXPECT_EQ(json_of("<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>"),
            "line 1 of the XML answer: a document type, which AWS never sends");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  EXPECT_EQ(json_of(deep), "line 1 of the XML answer: it is nested too deep");
  EXPECT_EQ(json_of("<A>\xff</A>"), "line 1 of the XML answer: not well-formed (invalid token)");
}

}  // namespace
}  // namespace sluice::aws
