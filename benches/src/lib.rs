//! What the benchmarks share. Owns how a server is run and asked for its cost ([`server`]), how it is kept busy ([`client`]), who
//! stands in for a state server ([`stub`]), how the clients of other products talk ([`product`]), and how results are shown ([`table`]); what is compared with what is each binary's to say.

pub mod client;
pub mod product;
pub mod server;
pub mod stream;
pub mod stub;
pub mod table;
