"""The live floor on the server: what gateways may say, who looks on, and the channels between."""
