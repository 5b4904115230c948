impl serde::Serialize for Ack {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.push_seq != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Ack", len)?;
        if self.push_seq != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("pushSeq", ToString::to_string(&self.push_seq).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Ack {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "push_seq",
            "pushSeq",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            PushSeq,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "pushSeq" | "push_seq" => Ok(GeneratedField::PushSeq),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Ack;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Ack")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Ack, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut push_seq__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::PushSeq => {
                            if push_seq__.is_some() {
                                return Err(serde::de::Error::duplicate_field("pushSeq"));
                            }
                            push_seq__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(Ack {
                    push_seq: push_seq__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Ack", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ClientPacket {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.client_id != 0 {
            len += 1;
        }
        if self.body.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.ClientPacket", len)?;
        if self.client_id != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("clientId", ToString::to_string(&self.client_id).as_str())?;
        }
        if let Some(v) = self.body.as_ref() {
            match v {
                client_packet::Body::Heartbeat(v) => {
                    struct_ser.serialize_field("heartbeat", v)?;
                }
                client_packet::Body::Login(v) => {
                    struct_ser.serialize_field("login", v)?;
                }
                client_packet::Body::Resume(v) => {
                    struct_ser.serialize_field("resume", v)?;
                }
                client_packet::Body::Submit(v) => {
                    struct_ser.serialize_field("submit", v)?;
                }
                client_packet::Body::Ack(v) => {
                    struct_ser.serialize_field("ack", v)?;
                }
                client_packet::Body::Pull(v) => {
                    struct_ser.serialize_field("pull", v)?;
                }
                client_packet::Body::CreateGroup(v) => {
                    struct_ser.serialize_field("createGroup", v)?;
                }
                client_packet::Body::Logout(v) => {
                    struct_ser.serialize_field("logout", v)?;
                }
                client_packet::Body::Watch(v) => {
                    struct_ser.serialize_field("watch", v)?;
                }
            }
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ClientPacket {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "client_id",
            "clientId",
            "heartbeat",
            "login",
            "resume",
            "submit",
            "ack",
            "pull",
            "create_group",
            "createGroup",
            "logout",
            "watch",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            ClientId,
            Heartbeat,
            Login,
            Resume,
            Submit,
            Ack,
            Pull,
            CreateGroup,
            Logout,
            Watch,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "clientId" | "client_id" => Ok(GeneratedField::ClientId),
                            "heartbeat" => Ok(GeneratedField::Heartbeat),
                            "login" => Ok(GeneratedField::Login),
                            "resume" => Ok(GeneratedField::Resume),
                            "submit" => Ok(GeneratedField::Submit),
                            "ack" => Ok(GeneratedField::Ack),
                            "pull" => Ok(GeneratedField::Pull),
                            "createGroup" | "create_group" => Ok(GeneratedField::CreateGroup),
                            "logout" => Ok(GeneratedField::Logout),
                            "watch" => Ok(GeneratedField::Watch),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ClientPacket;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.ClientPacket")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ClientPacket, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut client_id__ = None;
                let mut body__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::ClientId => {
                            if client_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("clientId"));
                            }
                            client_id__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Heartbeat => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("heartbeat"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(client_packet::Body::Heartbeat)
;
                        }
                        GeneratedField::Login => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("login"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(client_packet::Body::Login)
;
                        }
                        GeneratedField::Resume => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("resume"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(client_packet::Body::Resume)
;
                        }
                        GeneratedField::Submit => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("submit"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(client_packet::Body::Submit)
;
                        }
                        GeneratedField::Ack => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("ack"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(client_packet::Body::Ack)
;
                        }
                        GeneratedField::Pull => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("pull"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(client_packet::Body::Pull)
;
                        }
                        GeneratedField::CreateGroup => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("createGroup"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(client_packet::Body::CreateGroup)
;
                        }
                        GeneratedField::Logout => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("logout"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(client_packet::Body::Logout)
;
                        }
                        GeneratedField::Watch => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("watch"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(client_packet::Body::Watch)
;
                        }
                    }
                }
                Ok(ClientPacket {
                    client_id: client_id__.unwrap_or_default(),
                    body: body__,
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.ClientPacket", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for CreateGroup {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.conversation.is_empty() {
            len += 1;
        }
        if !self.members.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.CreateGroup", len)?;
        if !self.conversation.is_empty() {
            struct_ser.serialize_field("conversation", &self.conversation)?;
        }
        if !self.members.is_empty() {
            struct_ser.serialize_field("members", &self.members)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for CreateGroup {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "conversation",
            "members",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Conversation,
            Members,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "conversation" => Ok(GeneratedField::Conversation),
                            "members" => Ok(GeneratedField::Members),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = CreateGroup;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.CreateGroup")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<CreateGroup, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut conversation__ = None;
                let mut members__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Conversation => {
                            if conversation__.is_some() {
                                return Err(serde::de::Error::duplicate_field("conversation"));
                            }
                            conversation__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Members => {
                            if members__.is_some() {
                                return Err(serde::de::Error::duplicate_field("members"));
                            }
                            members__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(CreateGroup {
                    conversation: conversation__.unwrap_or_default(),
                    members: members__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.CreateGroup", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for GroupOk {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.conversation.is_empty() {
            len += 1;
        }
        if self.members != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.GroupOk", len)?;
        if !self.conversation.is_empty() {
            struct_ser.serialize_field("conversation", &self.conversation)?;
        }
        if self.members != 0 {
            struct_ser.serialize_field("members", &self.members)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for GroupOk {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "conversation",
            "members",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Conversation,
            Members,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "conversation" => Ok(GeneratedField::Conversation),
                            "members" => Ok(GeneratedField::Members),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = GroupOk;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.GroupOk")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<GroupOk, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut conversation__ = None;
                let mut members__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Conversation => {
                            if conversation__.is_some() {
                                return Err(serde::de::Error::duplicate_field("conversation"));
                            }
                            conversation__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Members => {
                            if members__.is_some() {
                                return Err(serde::de::Error::duplicate_field("members"));
                            }
                            members__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(GroupOk {
                    conversation: conversation__.unwrap_or_default(),
                    members: members__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.GroupOk", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Heartbeat {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let len = 0;
        let struct_ser = serializer.serialize_struct("holdfast.client.v1.Heartbeat", len)?;
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Heartbeat {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                            Err(serde::de::Error::unknown_field(value, FIELDS))
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Heartbeat;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Heartbeat")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Heartbeat, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                while map_.next_key::<GeneratedField>()?.is_some() {
                    let _ = map_.next_value::<serde::de::IgnoredAny>()?;
                }
                Ok(Heartbeat {
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Heartbeat", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Kicked {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.reason != 0 {
            len += 1;
        }
        if !self.text.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Kicked", len)?;
        if self.reason != 0 {
            let v = KickedReason::try_from(self.reason)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.reason)))?;
            struct_ser.serialize_field("reason", &v)?;
        }
        if !self.text.is_empty() {
            struct_ser.serialize_field("text", &self.text)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Kicked {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "reason",
            "text",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Reason,
            Text,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "reason" => Ok(GeneratedField::Reason),
                            "text" => Ok(GeneratedField::Text),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Kicked;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Kicked")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Kicked, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut reason__ = None;
                let mut text__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Reason => {
                            if reason__.is_some() {
                                return Err(serde::de::Error::duplicate_field("reason"));
                            }
                            reason__ = Some(map_.next_value::<KickedReason>()? as i32);
                        }
                        GeneratedField::Text => {
                            if text__.is_some() {
                                return Err(serde::de::Error::duplicate_field("text"));
                            }
                            text__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(Kicked {
                    reason: reason__.unwrap_or_default(),
                    text: text__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Kicked", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for KickedReason {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "KICKED_REASON_UNSPECIFIED",
            Self::Replaced => "KICKED_REASON_REPLACED",
            Self::DeviceLimit => "KICKED_REASON_DEVICE_LIMIT",
            Self::Revoked => "KICKED_REASON_REVOKED",
            Self::SignedOut => "KICKED_REASON_SIGNED_OUT",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for KickedReason {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "KICKED_REASON_UNSPECIFIED",
            "KICKED_REASON_REPLACED",
            "KICKED_REASON_DEVICE_LIMIT",
            "KICKED_REASON_REVOKED",
            "KICKED_REASON_SIGNED_OUT",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = KickedReason;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "KICKED_REASON_UNSPECIFIED" => Ok(KickedReason::Unspecified),
                    "KICKED_REASON_REPLACED" => Ok(KickedReason::Replaced),
                    "KICKED_REASON_DEVICE_LIMIT" => Ok(KickedReason::DeviceLimit),
                    "KICKED_REASON_REVOKED" => Ok(KickedReason::Revoked),
                    "KICKED_REASON_SIGNED_OUT" => Ok(KickedReason::SignedOut),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for Login {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.uid.is_empty() {
            len += 1;
        }
        if !self.device.is_empty() {
            len += 1;
        }
        if !self.token.is_empty() {
            len += 1;
        }
        if !self.client.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Login", len)?;
        if !self.uid.is_empty() {
            struct_ser.serialize_field("uid", &self.uid)?;
        }
        if !self.device.is_empty() {
            struct_ser.serialize_field("device", &self.device)?;
        }
        if !self.token.is_empty() {
            struct_ser.serialize_field("token", &self.token)?;
        }
        if !self.client.is_empty() {
            struct_ser.serialize_field("client", &self.client)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Login {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "uid",
            "device",
            "token",
            "client",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Uid,
            Device,
            Token,
            Client,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "uid" => Ok(GeneratedField::Uid),
                            "device" => Ok(GeneratedField::Device),
                            "token" => Ok(GeneratedField::Token),
                            "client" => Ok(GeneratedField::Client),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Login;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Login")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Login, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut uid__ = None;
                let mut device__ = None;
                let mut token__ = None;
                let mut client__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Uid => {
                            if uid__.is_some() {
                                return Err(serde::de::Error::duplicate_field("uid"));
                            }
                            uid__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Device => {
                            if device__.is_some() {
                                return Err(serde::de::Error::duplicate_field("device"));
                            }
                            device__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Token => {
                            if token__.is_some() {
                                return Err(serde::de::Error::duplicate_field("token"));
                            }
                            token__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Client => {
                            if client__.is_some() {
                                return Err(serde::de::Error::duplicate_field("client"));
                            }
                            client__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(Login {
                    uid: uid__.unwrap_or_default(),
                    device: device__.unwrap_or_default(),
                    token: token__.unwrap_or_default(),
                    client: client__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Login", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for LoginOk {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.session.is_empty() {
            len += 1;
        }
        if self.last_client_id != 0 {
            len += 1;
        }
        if self.heartbeat_interval_ms != 0 {
            len += 1;
        }
        if self.ack_delay_ms != 0 {
            len += 1;
        }
        if self.ack_every != 0 {
            len += 1;
        }
        if self.submit_timeout_ms != 0 {
            len += 1;
        }
        if self.uplink_window != 0 {
            len += 1;
        }
        if self.reconnect_base_ms != 0 {
            len += 1;
        }
        if self.reconnect_max_ms != 0 {
            len += 1;
        }
        if self.max_packet_bytes != 0 {
            len += 1;
        }
        if self.server_time_ms != 0 {
            len += 1;
        }
        if !self.secret.is_empty() {
            len += 1;
        }
        if self.resume_within_ms != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.LoginOk", len)?;
        if !self.session.is_empty() {
            struct_ser.serialize_field("session", &self.session)?;
        }
        if self.last_client_id != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("lastClientId", ToString::to_string(&self.last_client_id).as_str())?;
        }
        if self.heartbeat_interval_ms != 0 {
            struct_ser.serialize_field("heartbeatIntervalMs", &self.heartbeat_interval_ms)?;
        }
        if self.ack_delay_ms != 0 {
            struct_ser.serialize_field("ackDelayMs", &self.ack_delay_ms)?;
        }
        if self.ack_every != 0 {
            struct_ser.serialize_field("ackEvery", &self.ack_every)?;
        }
        if self.submit_timeout_ms != 0 {
            struct_ser.serialize_field("submitTimeoutMs", &self.submit_timeout_ms)?;
        }
        if self.uplink_window != 0 {
            struct_ser.serialize_field("uplinkWindow", &self.uplink_window)?;
        }
        if self.reconnect_base_ms != 0 {
            struct_ser.serialize_field("reconnectBaseMs", &self.reconnect_base_ms)?;
        }
        if self.reconnect_max_ms != 0 {
            struct_ser.serialize_field("reconnectMaxMs", &self.reconnect_max_ms)?;
        }
        if self.max_packet_bytes != 0 {
            struct_ser.serialize_field("maxPacketBytes", &self.max_packet_bytes)?;
        }
        if self.server_time_ms != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("serverTimeMs", ToString::to_string(&self.server_time_ms).as_str())?;
        }
        if !self.secret.is_empty() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("secret", pbjson::private::base64::encode(&self.secret).as_str())?;
        }
        if self.resume_within_ms != 0 {
            struct_ser.serialize_field("resumeWithinMs", &self.resume_within_ms)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for LoginOk {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "session",
            "last_client_id",
            "lastClientId",
            "heartbeat_interval_ms",
            "heartbeatIntervalMs",
            "ack_delay_ms",
            "ackDelayMs",
            "ack_every",
            "ackEvery",
            "submit_timeout_ms",
            "submitTimeoutMs",
            "uplink_window",
            "uplinkWindow",
            "reconnect_base_ms",
            "reconnectBaseMs",
            "reconnect_max_ms",
            "reconnectMaxMs",
            "max_packet_bytes",
            "maxPacketBytes",
            "server_time_ms",
            "serverTimeMs",
            "secret",
            "resume_within_ms",
            "resumeWithinMs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Session,
            LastClientId,
            HeartbeatIntervalMs,
            AckDelayMs,
            AckEvery,
            SubmitTimeoutMs,
            UplinkWindow,
            ReconnectBaseMs,
            ReconnectMaxMs,
            MaxPacketBytes,
            ServerTimeMs,
            Secret,
            ResumeWithinMs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "session" => Ok(GeneratedField::Session),
                            "lastClientId" | "last_client_id" => Ok(GeneratedField::LastClientId),
                            "heartbeatIntervalMs" | "heartbeat_interval_ms" => Ok(GeneratedField::HeartbeatIntervalMs),
                            "ackDelayMs" | "ack_delay_ms" => Ok(GeneratedField::AckDelayMs),
                            "ackEvery" | "ack_every" => Ok(GeneratedField::AckEvery),
                            "submitTimeoutMs" | "submit_timeout_ms" => Ok(GeneratedField::SubmitTimeoutMs),
                            "uplinkWindow" | "uplink_window" => Ok(GeneratedField::UplinkWindow),
                            "reconnectBaseMs" | "reconnect_base_ms" => Ok(GeneratedField::ReconnectBaseMs),
                            "reconnectMaxMs" | "reconnect_max_ms" => Ok(GeneratedField::ReconnectMaxMs),
                            "maxPacketBytes" | "max_packet_bytes" => Ok(GeneratedField::MaxPacketBytes),
                            "serverTimeMs" | "server_time_ms" => Ok(GeneratedField::ServerTimeMs),
                            "secret" => Ok(GeneratedField::Secret),
                            "resumeWithinMs" | "resume_within_ms" => Ok(GeneratedField::ResumeWithinMs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = LoginOk;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.LoginOk")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<LoginOk, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut session__ = None;
                let mut last_client_id__ = None;
                let mut heartbeat_interval_ms__ = None;
                let mut ack_delay_ms__ = None;
                let mut ack_every__ = None;
                let mut submit_timeout_ms__ = None;
                let mut uplink_window__ = None;
                let mut reconnect_base_ms__ = None;
                let mut reconnect_max_ms__ = None;
                let mut max_packet_bytes__ = None;
                let mut server_time_ms__ = None;
                let mut secret__ = None;
                let mut resume_within_ms__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Session => {
                            if session__.is_some() {
                                return Err(serde::de::Error::duplicate_field("session"));
                            }
                            session__ = Some(map_.next_value()?);
                        }
                        GeneratedField::LastClientId => {
                            if last_client_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("lastClientId"));
                            }
                            last_client_id__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::HeartbeatIntervalMs => {
                            if heartbeat_interval_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("heartbeatIntervalMs"));
                            }
                            heartbeat_interval_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::AckDelayMs => {
                            if ack_delay_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("ackDelayMs"));
                            }
                            ack_delay_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::AckEvery => {
                            if ack_every__.is_some() {
                                return Err(serde::de::Error::duplicate_field("ackEvery"));
                            }
                            ack_every__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::SubmitTimeoutMs => {
                            if submit_timeout_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("submitTimeoutMs"));
                            }
                            submit_timeout_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::UplinkWindow => {
                            if uplink_window__.is_some() {
                                return Err(serde::de::Error::duplicate_field("uplinkWindow"));
                            }
                            uplink_window__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::ReconnectBaseMs => {
                            if reconnect_base_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("reconnectBaseMs"));
                            }
                            reconnect_base_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::ReconnectMaxMs => {
                            if reconnect_max_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("reconnectMaxMs"));
                            }
                            reconnect_max_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::MaxPacketBytes => {
                            if max_packet_bytes__.is_some() {
                                return Err(serde::de::Error::duplicate_field("maxPacketBytes"));
                            }
                            max_packet_bytes__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::ServerTimeMs => {
                            if server_time_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("serverTimeMs"));
                            }
                            server_time_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Secret => {
                            if secret__.is_some() {
                                return Err(serde::de::Error::duplicate_field("secret"));
                            }
                            secret__ = 
                                Some(map_.next_value::<::pbjson::private::BytesDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::ResumeWithinMs => {
                            if resume_within_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("resumeWithinMs"));
                            }
                            resume_within_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(LoginOk {
                    session: session__.unwrap_or_default(),
                    last_client_id: last_client_id__.unwrap_or_default(),
                    heartbeat_interval_ms: heartbeat_interval_ms__.unwrap_or_default(),
                    ack_delay_ms: ack_delay_ms__.unwrap_or_default(),
                    ack_every: ack_every__.unwrap_or_default(),
                    submit_timeout_ms: submit_timeout_ms__.unwrap_or_default(),
                    uplink_window: uplink_window__.unwrap_or_default(),
                    reconnect_base_ms: reconnect_base_ms__.unwrap_or_default(),
                    reconnect_max_ms: reconnect_max_ms__.unwrap_or_default(),
                    max_packet_bytes: max_packet_bytes__.unwrap_or_default(),
                    server_time_ms: server_time_ms__.unwrap_or_default(),
                    secret: secret__.unwrap_or_default(),
                    resume_within_ms: resume_within_ms__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.LoginOk", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for LoginRequired {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let len = 0;
        let struct_ser = serializer.serialize_struct("holdfast.client.v1.LoginRequired", len)?;
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for LoginRequired {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                            Err(serde::de::Error::unknown_field(value, FIELDS))
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = LoginRequired;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.LoginRequired")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<LoginRequired, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                while map_.next_key::<GeneratedField>()?.is_some() {
                    let _ = map_.next_value::<serde::de::IgnoredAny>()?;
                }
                Ok(LoginRequired {
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.LoginRequired", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Logout {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let len = 0;
        let struct_ser = serializer.serialize_struct("holdfast.client.v1.Logout", len)?;
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Logout {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                            Err(serde::de::Error::unknown_field(value, FIELDS))
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Logout;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Logout")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Logout, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                while map_.next_key::<GeneratedField>()?.is_some() {
                    let _ = map_.next_value::<serde::de::IgnoredAny>()?;
                }
                Ok(Logout {
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Logout", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Message {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.conversation.is_empty() {
            len += 1;
        }
        if self.seq != 0 {
            len += 1;
        }
        if !self.sender.is_empty() {
            len += 1;
        }
        if !self.to.is_empty() {
            len += 1;
        }
        if self.time_ms != 0 {
            len += 1;
        }
        if self.body.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Message", len)?;
        if !self.conversation.is_empty() {
            struct_ser.serialize_field("conversation", &self.conversation)?;
        }
        if self.seq != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("seq", ToString::to_string(&self.seq).as_str())?;
        }
        if !self.sender.is_empty() {
            struct_ser.serialize_field("sender", &self.sender)?;
        }
        if !self.to.is_empty() {
            struct_ser.serialize_field("to", &self.to)?;
        }
        if self.time_ms != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("timeMs", ToString::to_string(&self.time_ms).as_str())?;
        }
        if let Some(v) = self.body.as_ref() {
            match v {
                message::Body::Text(v) => {
                    struct_ser.serialize_field("text", v)?;
                }
                message::Body::Data(v) => {
                    #[allow(clippy::needless_borrow)]
                    #[allow(clippy::needless_borrows_for_generic_args)]
                    struct_ser.serialize_field("data", pbjson::private::base64::encode(&v).as_str())?;
                }
            }
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Message {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "conversation",
            "seq",
            "sender",
            "to",
            "time_ms",
            "timeMs",
            "text",
            "data",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Conversation,
            Seq,
            Sender,
            To,
            TimeMs,
            Text,
            Data,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "conversation" => Ok(GeneratedField::Conversation),
                            "seq" => Ok(GeneratedField::Seq),
                            "sender" => Ok(GeneratedField::Sender),
                            "to" => Ok(GeneratedField::To),
                            "timeMs" | "time_ms" => Ok(GeneratedField::TimeMs),
                            "text" => Ok(GeneratedField::Text),
                            "data" => Ok(GeneratedField::Data),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Message;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Message")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Message, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut conversation__ = None;
                let mut seq__ = None;
                let mut sender__ = None;
                let mut to__ = None;
                let mut time_ms__ = None;
                let mut body__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Conversation => {
                            if conversation__.is_some() {
                                return Err(serde::de::Error::duplicate_field("conversation"));
                            }
                            conversation__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Seq => {
                            if seq__.is_some() {
                                return Err(serde::de::Error::duplicate_field("seq"));
                            }
                            seq__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Sender => {
                            if sender__.is_some() {
                                return Err(serde::de::Error::duplicate_field("sender"));
                            }
                            sender__ = Some(map_.next_value()?);
                        }
                        GeneratedField::To => {
                            if to__.is_some() {
                                return Err(serde::de::Error::duplicate_field("to"));
                            }
                            to__ = Some(map_.next_value()?);
                        }
                        GeneratedField::TimeMs => {
                            if time_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("timeMs"));
                            }
                            time_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Text => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("text"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(message::Body::Text);
                        }
                        GeneratedField::Data => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("data"));
                            }
                            body__ = map_.next_value::<::std::option::Option<::pbjson::private::BytesDeserialize<_>>>()?.map(|x| message::Body::Data(x.0));
                        }
                    }
                }
                Ok(Message {
                    conversation: conversation__.unwrap_or_default(),
                    seq: seq__.unwrap_or_default(),
                    sender: sender__.unwrap_or_default(),
                    to: to__.unwrap_or_default(),
                    time_ms: time_ms__.unwrap_or_default(),
                    body: body__,
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Message", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Missed {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.conversation.is_empty() {
            len += 1;
        }
        if self.from_seq != 0 {
            len += 1;
        }
        if self.to_seq != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Missed", len)?;
        if !self.conversation.is_empty() {
            struct_ser.serialize_field("conversation", &self.conversation)?;
        }
        if self.from_seq != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("fromSeq", ToString::to_string(&self.from_seq).as_str())?;
        }
        if self.to_seq != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("toSeq", ToString::to_string(&self.to_seq).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Missed {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "conversation",
            "from_seq",
            "fromSeq",
            "to_seq",
            "toSeq",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Conversation,
            FromSeq,
            ToSeq,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "conversation" => Ok(GeneratedField::Conversation),
                            "fromSeq" | "from_seq" => Ok(GeneratedField::FromSeq),
                            "toSeq" | "to_seq" => Ok(GeneratedField::ToSeq),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Missed;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Missed")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Missed, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut conversation__ = None;
                let mut from_seq__ = None;
                let mut to_seq__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Conversation => {
                            if conversation__.is_some() {
                                return Err(serde::de::Error::duplicate_field("conversation"));
                            }
                            conversation__ = Some(map_.next_value()?);
                        }
                        GeneratedField::FromSeq => {
                            if from_seq__.is_some() {
                                return Err(serde::de::Error::duplicate_field("fromSeq"));
                            }
                            from_seq__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::ToSeq => {
                            if to_seq__.is_some() {
                                return Err(serde::de::Error::duplicate_field("toSeq"));
                            }
                            to_seq__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(Missed {
                    conversation: conversation__.unwrap_or_default(),
                    from_seq: from_seq__.unwrap_or_default(),
                    to_seq: to_seq__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Missed", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Move {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.address.is_empty() {
            len += 1;
        }
        if self.after_ms != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Move", len)?;
        if !self.address.is_empty() {
            struct_ser.serialize_field("address", &self.address)?;
        }
        if self.after_ms != 0 {
            struct_ser.serialize_field("afterMs", &self.after_ms)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Move {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "address",
            "after_ms",
            "afterMs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Address,
            AfterMs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "address" => Ok(GeneratedField::Address),
                            "afterMs" | "after_ms" => Ok(GeneratedField::AfterMs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Move;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Move")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Move, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut address__ = None;
                let mut after_ms__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Address => {
                            if address__.is_some() {
                                return Err(serde::de::Error::duplicate_field("address"));
                            }
                            address__ = Some(map_.next_value()?);
                        }
                        GeneratedField::AfterMs => {
                            if after_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("afterMs"));
                            }
                            after_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(Move {
                    address: address__.unwrap_or_default(),
                    after_ms: after_ms__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Move", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Presence {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.users.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Presence", len)?;
        if !self.users.is_empty() {
            struct_ser.serialize_field("users", &self.users)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Presence {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "users",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Users,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "users" => Ok(GeneratedField::Users),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Presence;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Presence")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Presence, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut users__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Users => {
                            if users__.is_some() {
                                return Err(serde::de::Error::duplicate_field("users"));
                            }
                            users__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(Presence {
                    users: users__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Presence", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Pull {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.conversation.is_empty() {
            len += 1;
        }
        if self.from_seq != 0 {
            len += 1;
        }
        if self.limit != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Pull", len)?;
        if !self.conversation.is_empty() {
            struct_ser.serialize_field("conversation", &self.conversation)?;
        }
        if self.from_seq != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("fromSeq", ToString::to_string(&self.from_seq).as_str())?;
        }
        if self.limit != 0 {
            struct_ser.serialize_field("limit", &self.limit)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Pull {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "conversation",
            "from_seq",
            "fromSeq",
            "limit",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Conversation,
            FromSeq,
            Limit,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "conversation" => Ok(GeneratedField::Conversation),
                            "fromSeq" | "from_seq" => Ok(GeneratedField::FromSeq),
                            "limit" => Ok(GeneratedField::Limit),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Pull;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Pull")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Pull, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut conversation__ = None;
                let mut from_seq__ = None;
                let mut limit__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Conversation => {
                            if conversation__.is_some() {
                                return Err(serde::de::Error::duplicate_field("conversation"));
                            }
                            conversation__ = Some(map_.next_value()?);
                        }
                        GeneratedField::FromSeq => {
                            if from_seq__.is_some() {
                                return Err(serde::de::Error::duplicate_field("fromSeq"));
                            }
                            from_seq__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Limit => {
                            if limit__.is_some() {
                                return Err(serde::de::Error::duplicate_field("limit"));
                            }
                            limit__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(Pull {
                    conversation: conversation__.unwrap_or_default(),
                    from_seq: from_seq__.unwrap_or_default(),
                    limit: limit__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Pull", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Pulled {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.conversation.is_empty() {
            len += 1;
        }
        if self.from_seq != 0 {
            len += 1;
        }
        if self.next_seq != 0 {
            len += 1;
        }
        if self.head != 0 {
            len += 1;
        }
        if !self.messages.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Pulled", len)?;
        if !self.conversation.is_empty() {
            struct_ser.serialize_field("conversation", &self.conversation)?;
        }
        if self.from_seq != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("fromSeq", ToString::to_string(&self.from_seq).as_str())?;
        }
        if self.next_seq != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("nextSeq", ToString::to_string(&self.next_seq).as_str())?;
        }
        if self.head != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("head", ToString::to_string(&self.head).as_str())?;
        }
        if !self.messages.is_empty() {
            struct_ser.serialize_field("messages", &self.messages)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Pulled {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "conversation",
            "from_seq",
            "fromSeq",
            "next_seq",
            "nextSeq",
            "head",
            "messages",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Conversation,
            FromSeq,
            NextSeq,
            Head,
            Messages,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "conversation" => Ok(GeneratedField::Conversation),
                            "fromSeq" | "from_seq" => Ok(GeneratedField::FromSeq),
                            "nextSeq" | "next_seq" => Ok(GeneratedField::NextSeq),
                            "head" => Ok(GeneratedField::Head),
                            "messages" => Ok(GeneratedField::Messages),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Pulled;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Pulled")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Pulled, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut conversation__ = None;
                let mut from_seq__ = None;
                let mut next_seq__ = None;
                let mut head__ = None;
                let mut messages__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Conversation => {
                            if conversation__.is_some() {
                                return Err(serde::de::Error::duplicate_field("conversation"));
                            }
                            conversation__ = Some(map_.next_value()?);
                        }
                        GeneratedField::FromSeq => {
                            if from_seq__.is_some() {
                                return Err(serde::de::Error::duplicate_field("fromSeq"));
                            }
                            from_seq__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::NextSeq => {
                            if next_seq__.is_some() {
                                return Err(serde::de::Error::duplicate_field("nextSeq"));
                            }
                            next_seq__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Head => {
                            if head__.is_some() {
                                return Err(serde::de::Error::duplicate_field("head"));
                            }
                            head__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Messages => {
                            if messages__.is_some() {
                                return Err(serde::de::Error::duplicate_field("messages"));
                            }
                            messages__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(Pulled {
                    conversation: conversation__.unwrap_or_default(),
                    from_seq: from_seq__.unwrap_or_default(),
                    next_seq: next_seq__.unwrap_or_default(),
                    head: head__.unwrap_or_default(),
                    messages: messages__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Pulled", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Push {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.message.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Push", len)?;
        if let Some(v) = self.message.as_ref() {
            struct_ser.serialize_field("message", v)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Push {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "message",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Message,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "message" => Ok(GeneratedField::Message),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Push;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Push")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Push, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut message__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Message => {
                            if message__.is_some() {
                                return Err(serde::de::Error::duplicate_field("message"));
                            }
                            message__ = map_.next_value()?;
                        }
                    }
                }
                Ok(Push {
                    message: message__,
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Push", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Refused {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.code != 0 {
            len += 1;
        }
        if !self.field.is_empty() {
            len += 1;
        }
        if !self.text.is_empty() {
            len += 1;
        }
        if self.expected_client_id != 0 {
            len += 1;
        }
        if self.retry_after_ms != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Refused", len)?;
        if self.code != 0 {
            let v = RefusedCode::try_from(self.code)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.code)))?;
            struct_ser.serialize_field("code", &v)?;
        }
        if !self.field.is_empty() {
            struct_ser.serialize_field("field", &self.field)?;
        }
        if !self.text.is_empty() {
            struct_ser.serialize_field("text", &self.text)?;
        }
        if self.expected_client_id != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("expectedClientId", ToString::to_string(&self.expected_client_id).as_str())?;
        }
        if self.retry_after_ms != 0 {
            struct_ser.serialize_field("retryAfterMs", &self.retry_after_ms)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Refused {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "code",
            "field",
            "text",
            "expected_client_id",
            "expectedClientId",
            "retry_after_ms",
            "retryAfterMs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Code,
            Field,
            Text,
            ExpectedClientId,
            RetryAfterMs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "code" => Ok(GeneratedField::Code),
                            "field" => Ok(GeneratedField::Field),
                            "text" => Ok(GeneratedField::Text),
                            "expectedClientId" | "expected_client_id" => Ok(GeneratedField::ExpectedClientId),
                            "retryAfterMs" | "retry_after_ms" => Ok(GeneratedField::RetryAfterMs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Refused;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Refused")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Refused, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut code__ = None;
                let mut field__ = None;
                let mut text__ = None;
                let mut expected_client_id__ = None;
                let mut retry_after_ms__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Code => {
                            if code__.is_some() {
                                return Err(serde::de::Error::duplicate_field("code"));
                            }
                            code__ = Some(map_.next_value::<RefusedCode>()? as i32);
                        }
                        GeneratedField::Field => {
                            if field__.is_some() {
                                return Err(serde::de::Error::duplicate_field("field"));
                            }
                            field__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Text => {
                            if text__.is_some() {
                                return Err(serde::de::Error::duplicate_field("text"));
                            }
                            text__ = Some(map_.next_value()?);
                        }
                        GeneratedField::ExpectedClientId => {
                            if expected_client_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("expectedClientId"));
                            }
                            expected_client_id__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::RetryAfterMs => {
                            if retry_after_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("retryAfterMs"));
                            }
                            retry_after_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(Refused {
                    code: code__.unwrap_or_default(),
                    field: field__.unwrap_or_default(),
                    text: text__.unwrap_or_default(),
                    expected_client_id: expected_client_id__.unwrap_or_default(),
                    retry_after_ms: retry_after_ms__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Refused", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for RefusedCode {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "REFUSED_CODE_UNSPECIFIED",
            Self::Invalid => "REFUSED_CODE_INVALID",
            Self::LoginFirst => "REFUSED_CODE_LOGIN_FIRST",
            Self::TokenInvalid => "REFUSED_CODE_TOKEN_INVALID",
            Self::TokenExpired => "REFUSED_CODE_TOKEN_EXPIRED",
            Self::UnknownConversation => "REFUSED_CODE_UNKNOWN_CONVERSATION",
            Self::NotAMember => "REFUSED_CODE_NOT_A_MEMBER",
            Self::OutOfOrder => "REFUSED_CODE_OUT_OF_ORDER",
            Self::ClientIdReused => "REFUSED_CODE_CLIENT_ID_REUSED",
            Self::ConversationExists => "REFUSED_CODE_CONVERSATION_EXISTS",
            Self::Unavailable => "REFUSED_CODE_UNAVAILABLE",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for RefusedCode {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "REFUSED_CODE_UNSPECIFIED",
            "REFUSED_CODE_INVALID",
            "REFUSED_CODE_LOGIN_FIRST",
            "REFUSED_CODE_TOKEN_INVALID",
            "REFUSED_CODE_TOKEN_EXPIRED",
            "REFUSED_CODE_UNKNOWN_CONVERSATION",
            "REFUSED_CODE_NOT_A_MEMBER",
            "REFUSED_CODE_OUT_OF_ORDER",
            "REFUSED_CODE_CLIENT_ID_REUSED",
            "REFUSED_CODE_CONVERSATION_EXISTS",
            "REFUSED_CODE_UNAVAILABLE",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = RefusedCode;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "REFUSED_CODE_UNSPECIFIED" => Ok(RefusedCode::Unspecified),
                    "REFUSED_CODE_INVALID" => Ok(RefusedCode::Invalid),
                    "REFUSED_CODE_LOGIN_FIRST" => Ok(RefusedCode::LoginFirst),
                    "REFUSED_CODE_TOKEN_INVALID" => Ok(RefusedCode::TokenInvalid),
                    "REFUSED_CODE_TOKEN_EXPIRED" => Ok(RefusedCode::TokenExpired),
                    "REFUSED_CODE_UNKNOWN_CONVERSATION" => Ok(RefusedCode::UnknownConversation),
                    "REFUSED_CODE_NOT_A_MEMBER" => Ok(RefusedCode::NotAMember),
                    "REFUSED_CODE_OUT_OF_ORDER" => Ok(RefusedCode::OutOfOrder),
                    "REFUSED_CODE_CLIENT_ID_REUSED" => Ok(RefusedCode::ClientIdReused),
                    "REFUSED_CODE_CONVERSATION_EXISTS" => Ok(RefusedCode::ConversationExists),
                    "REFUSED_CODE_UNAVAILABLE" => Ok(RefusedCode::Unavailable),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for Resume {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.uid.is_empty() {
            len += 1;
        }
        if !self.device.is_empty() {
            len += 1;
        }
        if !self.session.is_empty() {
            len += 1;
        }
        if !self.secret.is_empty() {
            len += 1;
        }
        if self.last_push_seq != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Resume", len)?;
        if !self.uid.is_empty() {
            struct_ser.serialize_field("uid", &self.uid)?;
        }
        if !self.device.is_empty() {
            struct_ser.serialize_field("device", &self.device)?;
        }
        if !self.session.is_empty() {
            struct_ser.serialize_field("session", &self.session)?;
        }
        if !self.secret.is_empty() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("secret", pbjson::private::base64::encode(&self.secret).as_str())?;
        }
        if self.last_push_seq != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("lastPushSeq", ToString::to_string(&self.last_push_seq).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Resume {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "uid",
            "device",
            "session",
            "secret",
            "last_push_seq",
            "lastPushSeq",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Uid,
            Device,
            Session,
            Secret,
            LastPushSeq,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "uid" => Ok(GeneratedField::Uid),
                            "device" => Ok(GeneratedField::Device),
                            "session" => Ok(GeneratedField::Session),
                            "secret" => Ok(GeneratedField::Secret),
                            "lastPushSeq" | "last_push_seq" => Ok(GeneratedField::LastPushSeq),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Resume;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Resume")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Resume, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut uid__ = None;
                let mut device__ = None;
                let mut session__ = None;
                let mut secret__ = None;
                let mut last_push_seq__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Uid => {
                            if uid__.is_some() {
                                return Err(serde::de::Error::duplicate_field("uid"));
                            }
                            uid__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Device => {
                            if device__.is_some() {
                                return Err(serde::de::Error::duplicate_field("device"));
                            }
                            device__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Session => {
                            if session__.is_some() {
                                return Err(serde::de::Error::duplicate_field("session"));
                            }
                            session__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Secret => {
                            if secret__.is_some() {
                                return Err(serde::de::Error::duplicate_field("secret"));
                            }
                            secret__ = 
                                Some(map_.next_value::<::pbjson::private::BytesDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::LastPushSeq => {
                            if last_push_seq__.is_some() {
                                return Err(serde::de::Error::duplicate_field("lastPushSeq"));
                            }
                            last_push_seq__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(Resume {
                    uid: uid__.unwrap_or_default(),
                    device: device__.unwrap_or_default(),
                    session: session__.unwrap_or_default(),
                    secret: secret__.unwrap_or_default(),
                    last_push_seq: last_push_seq__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Resume", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ResumeOk {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.verdict != 0 {
            len += 1;
        }
        if !self.secret.is_empty() {
            len += 1;
        }
        if self.last_client_id != 0 {
            len += 1;
        }
        if self.server_time_ms != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.ResumeOk", len)?;
        if self.verdict != 0 {
            let v = ResumeVerdict::try_from(self.verdict)
                .map_err(|_| serde::ser::Error::custom(format!("Invalid variant {}", self.verdict)))?;
            struct_ser.serialize_field("verdict", &v)?;
        }
        if !self.secret.is_empty() {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("secret", pbjson::private::base64::encode(&self.secret).as_str())?;
        }
        if self.last_client_id != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("lastClientId", ToString::to_string(&self.last_client_id).as_str())?;
        }
        if self.server_time_ms != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("serverTimeMs", ToString::to_string(&self.server_time_ms).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ResumeOk {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "verdict",
            "secret",
            "last_client_id",
            "lastClientId",
            "server_time_ms",
            "serverTimeMs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Verdict,
            Secret,
            LastClientId,
            ServerTimeMs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "verdict" => Ok(GeneratedField::Verdict),
                            "secret" => Ok(GeneratedField::Secret),
                            "lastClientId" | "last_client_id" => Ok(GeneratedField::LastClientId),
                            "serverTimeMs" | "server_time_ms" => Ok(GeneratedField::ServerTimeMs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ResumeOk;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.ResumeOk")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ResumeOk, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut verdict__ = None;
                let mut secret__ = None;
                let mut last_client_id__ = None;
                let mut server_time_ms__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Verdict => {
                            if verdict__.is_some() {
                                return Err(serde::de::Error::duplicate_field("verdict"));
                            }
                            verdict__ = Some(map_.next_value::<ResumeVerdict>()? as i32);
                        }
                        GeneratedField::Secret => {
                            if secret__.is_some() {
                                return Err(serde::de::Error::duplicate_field("secret"));
                            }
                            secret__ = 
                                Some(map_.next_value::<::pbjson::private::BytesDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::LastClientId => {
                            if last_client_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("lastClientId"));
                            }
                            last_client_id__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::ServerTimeMs => {
                            if server_time_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("serverTimeMs"));
                            }
                            server_time_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(ResumeOk {
                    verdict: verdict__.unwrap_or_default(),
                    secret: secret__.unwrap_or_default(),
                    last_client_id: last_client_id__.unwrap_or_default(),
                    server_time_ms: server_time_ms__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.ResumeOk", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ResumeVerdict {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        let variant = match self {
            Self::Unspecified => "RESUME_VERDICT_UNSPECIFIED",
            Self::Complete => "RESUME_VERDICT_COMPLETE",
            Self::Gap => "RESUME_VERDICT_GAP",
            Self::Reset => "RESUME_VERDICT_RESET",
        };
        serializer.serialize_str(variant)
    }
}
impl<'de> serde::Deserialize<'de> for ResumeVerdict {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "RESUME_VERDICT_UNSPECIFIED",
            "RESUME_VERDICT_COMPLETE",
            "RESUME_VERDICT_GAP",
            "RESUME_VERDICT_RESET",
        ];

        struct GeneratedVisitor;

        impl serde::de::Visitor<'_> for GeneratedVisitor {
            type Value = ResumeVerdict;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(formatter, "expected one of: {:?}", &FIELDS)
            }

            fn visit_i64<E>(self, v: i64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Signed(v), &self)
                    })
            }

            fn visit_u64<E>(self, v: u64) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                i32::try_from(v)
                    .ok()
                    .and_then(|x| x.try_into().ok())
                    .ok_or_else(|| {
                        serde::de::Error::invalid_value(serde::de::Unexpected::Unsigned(v), &self)
                    })
            }

            fn visit_str<E>(self, value: &str) -> std::result::Result<Self::Value, E>
            where
                E: serde::de::Error,
            {
                match value {
                    "RESUME_VERDICT_UNSPECIFIED" => Ok(ResumeVerdict::Unspecified),
                    "RESUME_VERDICT_COMPLETE" => Ok(ResumeVerdict::Complete),
                    "RESUME_VERDICT_GAP" => Ok(ResumeVerdict::Gap),
                    "RESUME_VERDICT_RESET" => Ok(ResumeVerdict::Reset),
                    _ => Err(serde::de::Error::unknown_variant(value, FIELDS)),
                }
            }
        }
        deserializer.deserialize_any(GeneratedVisitor)
    }
}
impl serde::Serialize for Resync {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.missed.is_empty() {
            len += 1;
        }
        if self.everything {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Resync", len)?;
        if !self.missed.is_empty() {
            struct_ser.serialize_field("missed", &self.missed)?;
        }
        if self.everything {
            struct_ser.serialize_field("everything", &self.everything)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Resync {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "missed",
            "everything",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Missed,
            Everything,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "missed" => Ok(GeneratedField::Missed),
                            "everything" => Ok(GeneratedField::Everything),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Resync;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Resync")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Resync, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut missed__ = None;
                let mut everything__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Missed => {
                            if missed__.is_some() {
                                return Err(serde::de::Error::duplicate_field("missed"));
                            }
                            missed__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Everything => {
                            if everything__.is_some() {
                                return Err(serde::de::Error::duplicate_field("everything"));
                            }
                            everything__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(Resync {
                    missed: missed__.unwrap_or_default(),
                    everything: everything__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Resync", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for ServerPacket {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.push_seq != 0 {
            len += 1;
        }
        if self.client_id != 0 {
            len += 1;
        }
        if self.body.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.ServerPacket", len)?;
        if self.push_seq != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("pushSeq", ToString::to_string(&self.push_seq).as_str())?;
        }
        if self.client_id != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("clientId", ToString::to_string(&self.client_id).as_str())?;
        }
        if let Some(v) = self.body.as_ref() {
            match v {
                server_packet::Body::Heartbeat(v) => {
                    struct_ser.serialize_field("heartbeat", v)?;
                }
                server_packet::Body::LoginOk(v) => {
                    struct_ser.serialize_field("loginOk", v)?;
                }
                server_packet::Body::ResumeOk(v) => {
                    struct_ser.serialize_field("resumeOk", v)?;
                }
                server_packet::Body::LoginRequired(v) => {
                    struct_ser.serialize_field("loginRequired", v)?;
                }
                server_packet::Body::SubmitOk(v) => {
                    struct_ser.serialize_field("submitOk", v)?;
                }
                server_packet::Body::GroupOk(v) => {
                    struct_ser.serialize_field("groupOk", v)?;
                }
                server_packet::Body::Pulled(v) => {
                    struct_ser.serialize_field("pulled", v)?;
                }
                server_packet::Body::Push(v) => {
                    struct_ser.serialize_field("push", v)?;
                }
                server_packet::Body::Refused(v) => {
                    struct_ser.serialize_field("refused", v)?;
                }
                server_packet::Body::Kicked(v) => {
                    struct_ser.serialize_field("kicked", v)?;
                }
                server_packet::Body::Resync(v) => {
                    struct_ser.serialize_field("resync", v)?;
                }
                server_packet::Body::Move(v) => {
                    struct_ser.serialize_field("move", v)?;
                }
                server_packet::Body::Presence(v) => {
                    struct_ser.serialize_field("presence", v)?;
                }
            }
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for ServerPacket {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "push_seq",
            "pushSeq",
            "client_id",
            "clientId",
            "heartbeat",
            "login_ok",
            "loginOk",
            "resume_ok",
            "resumeOk",
            "login_required",
            "loginRequired",
            "submit_ok",
            "submitOk",
            "group_ok",
            "groupOk",
            "pulled",
            "push",
            "refused",
            "kicked",
            "resync",
            "move",
            "presence",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            PushSeq,
            ClientId,
            Heartbeat,
            LoginOk,
            ResumeOk,
            LoginRequired,
            SubmitOk,
            GroupOk,
            Pulled,
            Push,
            Refused,
            Kicked,
            Resync,
            Move,
            Presence,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "pushSeq" | "push_seq" => Ok(GeneratedField::PushSeq),
                            "clientId" | "client_id" => Ok(GeneratedField::ClientId),
                            "heartbeat" => Ok(GeneratedField::Heartbeat),
                            "loginOk" | "login_ok" => Ok(GeneratedField::LoginOk),
                            "resumeOk" | "resume_ok" => Ok(GeneratedField::ResumeOk),
                            "loginRequired" | "login_required" => Ok(GeneratedField::LoginRequired),
                            "submitOk" | "submit_ok" => Ok(GeneratedField::SubmitOk),
                            "groupOk" | "group_ok" => Ok(GeneratedField::GroupOk),
                            "pulled" => Ok(GeneratedField::Pulled),
                            "push" => Ok(GeneratedField::Push),
                            "refused" => Ok(GeneratedField::Refused),
                            "kicked" => Ok(GeneratedField::Kicked),
                            "resync" => Ok(GeneratedField::Resync),
                            "move" => Ok(GeneratedField::Move),
                            "presence" => Ok(GeneratedField::Presence),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = ServerPacket;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.ServerPacket")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<ServerPacket, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut push_seq__ = None;
                let mut client_id__ = None;
                let mut body__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::PushSeq => {
                            if push_seq__.is_some() {
                                return Err(serde::de::Error::duplicate_field("pushSeq"));
                            }
                            push_seq__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::ClientId => {
                            if client_id__.is_some() {
                                return Err(serde::de::Error::duplicate_field("clientId"));
                            }
                            client_id__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::Heartbeat => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("heartbeat"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::Heartbeat)
;
                        }
                        GeneratedField::LoginOk => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("loginOk"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::LoginOk)
;
                        }
                        GeneratedField::ResumeOk => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("resumeOk"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::ResumeOk)
;
                        }
                        GeneratedField::LoginRequired => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("loginRequired"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::LoginRequired)
;
                        }
                        GeneratedField::SubmitOk => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("submitOk"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::SubmitOk)
;
                        }
                        GeneratedField::GroupOk => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("groupOk"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::GroupOk)
;
                        }
                        GeneratedField::Pulled => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("pulled"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::Pulled)
;
                        }
                        GeneratedField::Push => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("push"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::Push)
;
                        }
                        GeneratedField::Refused => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("refused"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::Refused)
;
                        }
                        GeneratedField::Kicked => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("kicked"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::Kicked)
;
                        }
                        GeneratedField::Resync => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("resync"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::Resync)
;
                        }
                        GeneratedField::Move => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("move"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::Move)
;
                        }
                        GeneratedField::Presence => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("presence"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(server_packet::Body::Presence)
;
                        }
                    }
                }
                Ok(ServerPacket {
                    push_seq: push_seq__.unwrap_or_default(),
                    client_id: client_id__.unwrap_or_default(),
                    body: body__,
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.ServerPacket", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Submit {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if self.target.is_some() {
            len += 1;
        }
        if self.body.is_some() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Submit", len)?;
        if let Some(v) = self.target.as_ref() {
            match v {
                submit::Target::Conversation(v) => {
                    struct_ser.serialize_field("conversation", v)?;
                }
                submit::Target::To(v) => {
                    struct_ser.serialize_field("to", v)?;
                }
            }
        }
        if let Some(v) = self.body.as_ref() {
            match v {
                submit::Body::Text(v) => {
                    struct_ser.serialize_field("text", v)?;
                }
                submit::Body::Data(v) => {
                    #[allow(clippy::needless_borrow)]
                    #[allow(clippy::needless_borrows_for_generic_args)]
                    struct_ser.serialize_field("data", pbjson::private::base64::encode(&v).as_str())?;
                }
            }
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Submit {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "conversation",
            "to",
            "text",
            "data",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Conversation,
            To,
            Text,
            Data,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "conversation" => Ok(GeneratedField::Conversation),
                            "to" => Ok(GeneratedField::To),
                            "text" => Ok(GeneratedField::Text),
                            "data" => Ok(GeneratedField::Data),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Submit;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Submit")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Submit, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut target__ = None;
                let mut body__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Conversation => {
                            if target__.is_some() {
                                return Err(serde::de::Error::duplicate_field("conversation"));
                            }
                            target__ = map_.next_value::<::std::option::Option<_>>()?.map(submit::Target::Conversation);
                        }
                        GeneratedField::To => {
                            if target__.is_some() {
                                return Err(serde::de::Error::duplicate_field("to"));
                            }
                            target__ = map_.next_value::<::std::option::Option<_>>()?.map(submit::Target::To);
                        }
                        GeneratedField::Text => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("text"));
                            }
                            body__ = map_.next_value::<::std::option::Option<_>>()?.map(submit::Body::Text);
                        }
                        GeneratedField::Data => {
                            if body__.is_some() {
                                return Err(serde::de::Error::duplicate_field("data"));
                            }
                            body__ = map_.next_value::<::std::option::Option<::pbjson::private::BytesDeserialize<_>>>()?.map(|x| submit::Body::Data(x.0));
                        }
                    }
                }
                Ok(Submit {
                    target: target__,
                    body: body__,
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Submit", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for SubmitOk {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.conversation.is_empty() {
            len += 1;
        }
        if self.seq != 0 {
            len += 1;
        }
        if self.time_ms != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.SubmitOk", len)?;
        if !self.conversation.is_empty() {
            struct_ser.serialize_field("conversation", &self.conversation)?;
        }
        if self.seq != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("seq", ToString::to_string(&self.seq).as_str())?;
        }
        if self.time_ms != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("timeMs", ToString::to_string(&self.time_ms).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for SubmitOk {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "conversation",
            "seq",
            "time_ms",
            "timeMs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Conversation,
            Seq,
            TimeMs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "conversation" => Ok(GeneratedField::Conversation),
                            "seq" => Ok(GeneratedField::Seq),
                            "timeMs" | "time_ms" => Ok(GeneratedField::TimeMs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = SubmitOk;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.SubmitOk")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<SubmitOk, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut conversation__ = None;
                let mut seq__ = None;
                let mut time_ms__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Conversation => {
                            if conversation__.is_some() {
                                return Err(serde::de::Error::duplicate_field("conversation"));
                            }
                            conversation__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Seq => {
                            if seq__.is_some() {
                                return Err(serde::de::Error::duplicate_field("seq"));
                            }
                            seq__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                        GeneratedField::TimeMs => {
                            if time_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("timeMs"));
                            }
                            time_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(SubmitOk {
                    conversation: conversation__.unwrap_or_default(),
                    seq: seq__.unwrap_or_default(),
                    time_ms: time_ms__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.SubmitOk", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for UserPresence {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.uid.is_empty() {
            len += 1;
        }
        if self.online {
            len += 1;
        }
        if self.since_ms != 0 {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.UserPresence", len)?;
        if !self.uid.is_empty() {
            struct_ser.serialize_field("uid", &self.uid)?;
        }
        if self.online {
            struct_ser.serialize_field("online", &self.online)?;
        }
        if self.since_ms != 0 {
            #[allow(clippy::needless_borrow)]
            #[allow(clippy::needless_borrows_for_generic_args)]
            struct_ser.serialize_field("sinceMs", ToString::to_string(&self.since_ms).as_str())?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for UserPresence {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "uid",
            "online",
            "since_ms",
            "sinceMs",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Uid,
            Online,
            SinceMs,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "uid" => Ok(GeneratedField::Uid),
                            "online" => Ok(GeneratedField::Online),
                            "sinceMs" | "since_ms" => Ok(GeneratedField::SinceMs),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = UserPresence;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.UserPresence")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<UserPresence, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut uid__ = None;
                let mut online__ = None;
                let mut since_ms__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Uid => {
                            if uid__.is_some() {
                                return Err(serde::de::Error::duplicate_field("uid"));
                            }
                            uid__ = Some(map_.next_value()?);
                        }
                        GeneratedField::Online => {
                            if online__.is_some() {
                                return Err(serde::de::Error::duplicate_field("online"));
                            }
                            online__ = Some(map_.next_value()?);
                        }
                        GeneratedField::SinceMs => {
                            if since_ms__.is_some() {
                                return Err(serde::de::Error::duplicate_field("sinceMs"));
                            }
                            since_ms__ = 
                                Some(map_.next_value::<::pbjson::private::NumberDeserialize<_>>()?.0)
                            ;
                        }
                    }
                }
                Ok(UserPresence {
                    uid: uid__.unwrap_or_default(),
                    online: online__.unwrap_or_default(),
                    since_ms: since_ms__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.UserPresence", FIELDS, GeneratedVisitor)
    }
}
impl serde::Serialize for Watch {
    #[allow(deprecated)]
    fn serialize<S>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error>
    where
        S: serde::Serializer,
    {
        use serde::ser::SerializeStruct;
        let mut len = 0;
        if !self.users.is_empty() {
            len += 1;
        }
        let mut struct_ser = serializer.serialize_struct("holdfast.client.v1.Watch", len)?;
        if !self.users.is_empty() {
            struct_ser.serialize_field("users", &self.users)?;
        }
        struct_ser.end()
    }
}
impl<'de> serde::Deserialize<'de> for Watch {
    #[allow(deprecated)]
    fn deserialize<D>(deserializer: D) -> std::result::Result<Self, D::Error>
    where
        D: serde::Deserializer<'de>,
    {
        const FIELDS: &[&str] = &[
            "users",
        ];

        #[allow(clippy::enum_variant_names)]
        enum GeneratedField {
            Users,
        }
        impl<'de> serde::Deserialize<'de> for GeneratedField {
            fn deserialize<D>(deserializer: D) -> std::result::Result<GeneratedField, D::Error>
            where
                D: serde::Deserializer<'de>,
            {
                struct GeneratedVisitor;

                impl serde::de::Visitor<'_> for GeneratedVisitor {
                    type Value = GeneratedField;

                    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(formatter, "expected one of: {:?}", &FIELDS)
                    }

                    #[allow(unused_variables)]
                    fn visit_str<E>(self, value: &str) -> std::result::Result<GeneratedField, E>
                    where
                        E: serde::de::Error,
                    {
                        match value {
                            "users" => Ok(GeneratedField::Users),
                            _ => Err(serde::de::Error::unknown_field(value, FIELDS)),
                        }
                    }
                }
                deserializer.deserialize_identifier(GeneratedVisitor)
            }
        }
        struct GeneratedVisitor;
        impl<'de> serde::de::Visitor<'de> for GeneratedVisitor {
            type Value = Watch;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("struct holdfast.client.v1.Watch")
            }

            fn visit_map<V>(self, mut map_: V) -> std::result::Result<Watch, V::Error>
                where
                    V: serde::de::MapAccess<'de>,
            {
                let mut users__ = None;
                while let Some(k) = map_.next_key()? {
                    match k {
                        GeneratedField::Users => {
                            if users__.is_some() {
                                return Err(serde::de::Error::duplicate_field("users"));
                            }
                            users__ = Some(map_.next_value()?);
                        }
                    }
                }
                Ok(Watch {
                    users: users__.unwrap_or_default(),
                })
            }
        }
        deserializer.deserialize_struct("holdfast.client.v1.Watch", FIELDS, GeneratedVisitor)
    }
}
