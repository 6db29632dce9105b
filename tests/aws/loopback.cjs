// Loaded into kinesis-local before its own code (`node --require`), for what it cannot be told: it listens on this machine
// only, says which ports it was given, and ends when whoever started it goes away.
const net = require("node:net");
const tls = require("node:tls");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  const told = rest.find((argument) => typeof argument === "function");
  const kind = this instanceof tls.Server ? "https" : "http";
  this.once("listening", () => console.log(`listening at ${kind}://127.0.0.1:${this.address().port}`));
  return listen.call(this, { port, host: "127.0.0.1" }, told);
};

process.stdin.on("end", () => process.exit(0)).resume();
