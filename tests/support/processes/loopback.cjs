// The counterpart of loopback.py for Node: connecting to another machine is an error

"use strict";

const net = require("node:net");

const LOOPBACK = new Set(["127.0.0.1", "localhost", "::1"]);
const { connect } = net.Socket.prototype;

net.Socket.prototype.connect = function (...values) {
  // Node's own modules pass a normalized list, whose first item is also the options
  const [options] = net._normalizeArgs(Array.isArray(values[0]) ? values[0] : values);
  const host = options.host || "localhost";
  if (options.path || LOOPBACK.has(host)) return connect.apply(this, values);
  return this.destroy(new Error(`a test tried to connect to ${host}`));
};
