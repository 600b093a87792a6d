-- The number of a change is asked for within a feature type only, so the key begins with it and needs no index beside.

alter table sdi.change drop constraint change_pkey;
drop index sdi.change_feature_type;
alter table sdi.change add constraint change_feature_type primary key (feature_type, seq);
