// What loopback.py is for Python, for Node: connecting to another machine is an error

"use strict";

const net = require("node:net");

const HERE = new Set(["127.0.0.1", "localhost", "::1"]);
const { connect } = net.Socket.prototype;

net.Socket.prototype.connect = function (...given) {
  // Node's own modules give a list that is in order already, with the same options in front
  const [options] = net._normalizeArgs(Array.isArray(given[0]) ? given[0] : given);
  const host = options.host || "localhost";
  if (options.path || HERE.has(host)) return connect.apply(this, given);
  return this.destroy(new Error(`a test tried to reach ${host}`));
};
