// Loaded into kinesis-local before its own code (`node --require`), for what it cannot be told: it listens on this machine
// only, on ports that are free, and says which; and it ends when whoever started it goes away.
const net = require("node:net");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  const told = rest.find((argument) => typeof argument === "function");
  // The port that it was told only says which of its two servers this is: the other one wants TLS.
  const kind = port === Number(process.env.KINESIS_MOCK_PLAIN_PORT) ? "http" : "https";
  this.once("listening", () => console.log(`listening at ${kind}://127.0.0.1:${this.address().port}`));
  return listen.call(this, { port: 0, host: "127.0.0.1" }, told);
};

process.stdin.on("end", () => process.exit(0)).resume();
