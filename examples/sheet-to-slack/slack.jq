# A request as a message. What stands in angle brackets or begins with & would be
# markup to Slack, so these three are written as it wants them.
def plain: tostring | gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub(">"; "&gt;");
{
  id: .ticket,
  text: "*\(.subject | plain)*\nfrom \(.from | plain), wanted by \(.due // "some day" | plain)"
}
